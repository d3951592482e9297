{{/* What each role reads and serves: the one table of it. */}}

{{/* Files that a role needs, as a JSON object. DKIM keys are for those that sign, the hash key for those that hash. */}}
{{- define "streampost.needs" -}}
{{- $roles := dict
  "deliver" (dict "config" true "dkim" true "hash" true "tokens" true)
  "delay" dict
  "sink" (dict "clickhouse" true)
  "feedback" (dict "config" true "hash" true "tokens" true)
  "inbound" (dict "config" true "tls" true)
  "web" (dict "config" true "tokens" true)
-}}
{{- $needs := get $roles .role -}}
{{- if and (eq .role "feedback") (eq (join "," .jobs) "quota") -}}{{- $needs = dict -}}{{- end -}}
{{ toJson (merge (dict "kafka" true) $needs) }}
{{- end -}}

{{/* The port that a role serves beside the health port, as a JSON object: name, port, of the Service, and who may come. */}}
{{- define "streampost.serves" -}}
{{- $roles := dict
  "inbound" (dict "name" "smtp" "port" 2525 "service" 25 "from" "inboundFrom")
  "web" (dict "name" "http" "port" 8025 "service" 80 "from" "webFrom")
-}}
{{ toJson (get $roles .role | default dict) }}
{{- end -}}

{{- define "streampost.args" -}}
{{- if eq .role "feedback" -}}
{{ list "feedback" "--jobs" (join "," .jobs) | toJson }}
{{- else -}}
{{ list .role | toJson }}
{{- end -}}
{{- end -}}
