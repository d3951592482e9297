{{/* KEDA on the lag of the lanes. Group and topics come from the values that the worker's environment comes from. */}}
{{- define "streampost.scaledObject" -}}
{{- $root := .root -}}
{{- $worker := .worker -}}
{{- $scaling := $worker.autoscaling -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "streampost.fullname" $root }}-{{ .name }}
  labels: {{- include "streampost.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ include "streampost.fullname" $root }}-{{ .name }}
  minReplicaCount: {{ $scaling.minReplicas | int }}
  maxReplicaCount: {{ $scaling.maxReplicas | int }}
  pollingInterval: {{ $scaling.pollingSeconds | int }}
  cooldownPeriod: {{ $scaling.cooldownSeconds | int }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown:
          stabilizationWindowSeconds: {{ $scaling.cooldownSeconds | int }}
  triggers:
    {{- range $worker.lanes }}
    - type: kafka
      metadata:
        bootstrapServers: {{ $root.Values.kafka.bootstrap | quote }}
        consumerGroup: {{ printf "%s-deliver" $worker.groupPrefix | quote }}
        topic: {{ printf "%s.requests.%s" $root.Values.kafka.topicPrefix . | quote }}
        lagThreshold: {{ $scaling.lagThreshold | int | quote }}
        offsetResetPolicy: "earliest"
        # lag that a slow receiver causes does not shrink with more pods
        excludePersistentLag: "true"
        limitToPartitionsWithLag: "true"
      {{- with $scaling.authenticationRef }}
      authenticationRef:
        name: {{ . }}
      {{- end }}
    {{- end }}
{{- end -}}
