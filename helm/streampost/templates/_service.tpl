{{/* Service of a worker that serves a port. Argument: dict root, component, name, worker, serves. */}}
{{- define "streampost.service" -}}
{{- $service := .worker.service -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "streampost.fullname" .root }}-{{ .name }}
  labels: {{- include "streampost.labels" . | nindent 4 }}
  {{- with $service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $service.type }}
  {{- if ne $service.type "ClusterIP" }}
  externalTrafficPolicy: {{ $service.externalTrafficPolicy }}
  {{- end }}
  selector: {{- include "streampost.selector" . | nindent 4 }}
  ports:
    - name: {{ .serves.name }}
      port: {{ int $service.port | default (int .serves.service) }}
      targetPort: {{ .serves.name }}
{{- end -}}
