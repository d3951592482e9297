{{/* Combinations that cannot work are refused at install, with what to do. Called once, by configmap.yaml. */}}

{{/* A deliver worker that was told to stop: a message may wait 30 s for a connection and then take the 45 s that an
     attempt has in a worker that stops (smtp_hurried_timeout); 45 s more are the margin for events and commits. */}}
{{- define "streampost.leastGrace" -}}120{{- end -}}

{{- define "streampost.checks" -}}
{{- $v := .Values -}}
{{- if not $v.kafka.bootstrap -}}{{- fail "kafka.bootstrap must be given" -}}{{- end -}}
{{- if and (or $v.kafka.passwordKey $v.kafka.caKey) (not $v.kafka.existingSecret) -}}
{{- fail "kafka.passwordKey and kafka.caKey are keys of kafka.existingSecret, which must be given" -}}
{{- end -}}
{{- if and $v.kafka.existingSecret (not (or $v.kafka.passwordKey $v.kafka.caKey)) -}}
{{- fail "kafka.existingSecret is of no use without kafka.passwordKey or kafka.caKey" -}}
{{- end -}}
{{- range $name, $_ := $v.kafka.options -}}
{{- if has $name (list "bootstrap.servers" "group.id" "sasl.password" "ssl.key.password") -}}
{{- fail (printf "kafka.options: %s has a value of its own, or belongs in kafka.existingSecret" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (include "streampost.hasSink" .) (not $v.clickhouse.url) -}}
{{- fail "clickhouse.url must be given when a sink runs" -}}
{{- end -}}
{{- if and $v.serviceAccount.create $v.serviceAccount.name -}}
{{- fail "serviceAccount.name is for create: false" -}}
{{- end -}}
{{- $groups := dict -}}
{{- $jobs := dict -}}
{{- range $name, $worker := include "streampost.workers" . | fromJson -}}
{{- include "streampost.checkWorker" (dict "root" $ "name" $name "worker" $worker "groups" $groups "jobs" $jobs) -}}
{{- end -}}
{{- end -}}

{{- define "streampost.checkWorker" -}}
{{- $v := .root.Values -}}
{{- if and .worker.autoscaling.enabled (ne .worker.role "deliver") -}}
{{- fail (printf "workers.%s: only deliver workers scale by lag; delay topics lag by design" .name) -}}
{{- end -}}
{{- if and .worker.autoscaling.enabled (gt (int .worker.autoscaling.minReplicas) (int .worker.autoscaling.maxReplicas)) -}}
{{- fail (printf "workers.%s: autoscaling.minReplicas is above maxReplicas" .name) -}}
{{- end -}}
{{- $needs := include "streampost.needs" .worker | fromJson -}}
{{- if and $needs.hash (not $v.hashKey.existingSecret) -}}{{- fail "hashKey.existingSecret must be given" -}}{{- end -}}
{{- if and $needs.tokens (not $v.tokenKeys.existingSecret) -}}
{{- fail "tokenKeys.existingSecret must be given: without it anybody could forge bounces and unsubscribe links" -}}
{{- end -}}
{{- if and $needs.config (not (or $v.config.existingConfigMap (and $v.config.tenants $v.config.pools))) -}}
{{- fail "config.tenants and config.pools, or config.existingConfigMap, must be given" -}}
{{- end -}}
{{- with include "streampost.serves" .worker | fromJson -}}
{{- if eq (int .port) (int $v.healthPort) -}}
{{- fail (printf "healthPort: workers.%s listens on %d itself" $.name (int .port)) -}}
{{- end -}}
{{- end -}}
{{- if eq .worker.role "feedback" -}}
{{- range .worker.jobs -}}
{{- if ne (get $.jobs . | default $.worker.groupPrefix) $.worker.groupPrefix -}}
{{- fail (printf "workers.%s: the job %s runs elsewhere with another groupPrefix, and would be done twice" $.name .) -}}
{{- end -}}
{{- $_ := set $.jobs . $.worker.groupPrefix -}}
{{- end -}}
{{- end -}}
{{- if eq .worker.role "deliver" -}}
{{- $least := include "streampost.leastGrace" . | int -}}
{{- if lt (int .worker.terminationGracePeriodSeconds) $least -}}
{{- fail (printf "workers.%s: terminationGracePeriodSeconds must be at least %d, or mail is cut off in mid-air" .name $least) -}}
{{- end -}}
{{- $lanes := .worker.lanes | sortAlpha | join "," -}}
{{- $known := get .groups .worker.groupPrefix -}}
{{- if and $known (ne $known $lanes) -}}
{{- fail (printf "workers.%s: members of one consumer group must serve the same lanes; give it a groupPrefix of its own" .name) -}}
{{- end -}}
{{- $_ := set .groups .worker.groupPrefix $lanes -}}
{{- end -}}
{{- end -}}
