{{/* In: the health port, and the port that the role serves. Out: DNS, Kafka, and ClickHouse for a sink, SMTP for a deliver worker. */}}
{{- define "streampost.networkPolicy" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $serves := include "streampost.serves" .worker | fromJson -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "streampost.fullname" .root }}-{{ .name }}
  labels: {{- include "streampost.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "streampost.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - port: {{ .root.Values.healthPort | int }}
      {{- with $policy.metricsFrom }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- with $serves }}
    - ports:
        - port: {{ int .port }}
      {{- with get $policy .from }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
  egress:
    - ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
      {{- with $policy.dns.to }}
      to: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- include "streampost.egress" $policy.kafka | nindent 4 }}
    {{- if eq .worker.role "sink" }}
    {{- include "streampost.egress" $policy.clickhouse | nindent 4 }}
    {{- end }}
    {{- if eq .worker.role "deliver" }}
    {{- include "streampost.egress" $policy.smtp | nindent 4 }}
    {{- end }}
    {{- with $policy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "streampost.egress" -}}
- ports:
    {{- range .ports }}
    - port: {{ int . }}
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
