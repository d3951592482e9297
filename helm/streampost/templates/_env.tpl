{{/* Environment of the processes. A dict of name -> text, so that no name can come twice. */}}

{{/* A setting as text; whole numbers stay whole (Helm reads every number as a float). */}}
{{- define "streampost.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{- define "streampost.settings" -}}
{{- $env := dict -}}
{{- range $name, $value := . -}}
{{- $_ := set $env (printf "STREAMPOST_%s" (upper $name)) (include "streampost.text" $value) -}}
{{- end -}}
{{ toJson $env }}
{{- end -}}

{{/* What every process needs to reach Kafka. */}}
{{- define "streampost.kafkaEnv" -}}
{{- $kafka := .Values.kafka -}}
{{- $options := deepCopy $kafka.options -}}
{{- if $kafka.caKey -}}{{- $_ := set $options "ssl.ca.location" "/etc/streampost/kafka/ca.pem" -}}{{- end -}}
{{- $env := dict "STREAMPOST_KAFKA" $kafka.bootstrap "STREAMPOST_TOPIC_PREFIX" $kafka.topicPrefix -}}
{{- if $options -}}{{- $_ := set $env "STREAMPOST_KAFKA_OPTIONS" (toJson $options) -}}{{- end -}}
{{- if $kafka.passwordKey -}}{{- $_ := set $env "STREAMPOST_KAFKA_PASSWORD_FILE" "/etc/streampost/kafka/password" -}}{{- end -}}
{{ toJson $env }}
{{- end -}}

{{- define "streampost.clickhouseEnv" -}}
{{- $env := dict "STREAMPOST_CLICKHOUSE_URL" .Values.clickhouse.url -}}
{{- with .Values.clickhouse.cluster -}}{{- $_ := set $env "STREAMPOST_CLICKHOUSE_CLUSTER" . -}}{{- end -}}
{{- if .Values.clickhouse.existingSecret -}}
{{- $_ := set $env "STREAMPOST_CLICKHOUSE_PASSWORD_FILE" "/etc/streampost/clickhouse/password" -}}
{{- end -}}
{{ toJson $env }}
{{- end -}}

{{/* Environment of a worker. Argument: dict root, worker. */}}
{{- define "streampost.workerEnv" -}}
{{- $values := .root.Values -}}
{{- $env := include "streampost.settings" (mergeOverwrite (deepCopy $values.settings) .worker.settings) | fromJson -}}
{{- $env = merge (include "streampost.kafkaEnv" .root | fromJson) $env -}}
{{- $_ := set $env "STREAMPOST_GROUP_PREFIX" .worker.groupPrefix -}}
{{- $_ := set $env "STREAMPOST_HOST" "0.0.0.0" -}}
{{- $role := .worker.role -}}
{{- $port := int $values.healthPort | toString -}}
{{- if eq .worker.role "sink" -}}
{{- $env = merge (include "streampost.clickhouseEnv" .root | fromJson) $env -}}
{{- $_ := set $env "STREAMPOST_SINK_HEALTH_PORT" $port -}}
{{- else -}}
{{- $_ := set $env "STREAMPOST_HEALTH_PORT" $port -}}
{{- end -}}
{{- if eq .worker.role "deliver" -}}
{{- $_ := set $env "STREAMPOST_LANES" (join "," .worker.lanes) -}}
{{- end -}}
{{- with include "streampost.serves" .worker | fromJson -}}
{{- $_ := set $env (printf "STREAMPOST_%s_HOST" (upper $role)) "0.0.0.0" -}}
{{- $_ := set $env (printf "STREAMPOST_%s_PORT" (upper $role)) (int .port | toString) -}}
{{- end -}}
{{ toJson (merge (include "streampost.fileEnv" . | fromJson) $env) }}
{{- end -}}

{{/* Where the mounted files are. Argument: dict root, worker. */}}
{{- define "streampost.fileEnv" -}}
{{- $needs := include "streampost.needs" .worker | fromJson -}}
{{- $env := dict -}}
{{- if $needs.config -}}{{- $_ := set $env "STREAMPOST_CONFIG_DIR" "/etc/streampost/config" -}}{{- end -}}
{{- if $needs.hash -}}{{- $_ := set $env "STREAMPOST_HASH_KEY_FILE" "/etc/streampost/hash/hash-key" -}}{{- end -}}
{{- if $needs.tokens -}}{{- $_ := set $env "STREAMPOST_TOKEN_KEYS_FILE" "/etc/streampost/tokens/token-keys" -}}{{- end -}}
{{- if and $needs.tls .root.Values.inboundTls.existingSecret -}}
{{- $_ := set $env "STREAMPOST_INBOUND_TLS_CERT" "/etc/streampost/tls/tls.crt" -}}
{{- $_ := set $env "STREAMPOST_INBOUND_TLS_KEY" "/etc/streampost/tls/tls.key" -}}
{{- end -}}
{{ toJson $env }}
{{- end -}}

{{/* A dict of name -> text as an env list, sorted. */}}
{{- define "streampost.envList" -}}
{{- range $name, $value := . -}}
- name: {{ $name }}
  value: {{ $value | quote }}
{{ end -}}
{{- end -}}
