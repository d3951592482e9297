{{/* The pod of a worker. Argument: dict root, name, worker. */}}
{{- define "streampost.workerPod" -}}
{{- $values := .root.Values -}}
{{- $worker := .worker -}}
{{- $wanted := merge (dict "root" .root) (include "streampost.needs" $worker | fromJson) -}}
{{- $serves := include "streampost.serves" $worker | fromJson -}}
{{- $scope := dict "root" .root "component" .name -}}
metadata:
  labels:
    {{- include "streampost.labels" $scope | nindent 4 }}
    {{- with $worker.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := deepCopy $worker.podAnnotations }}
  {{- if and $wanted.config (not $values.config.existingConfigMap) }}
  {{- $_ := set $annotations "checksum/config" (include (print $.root.Template.BasePath "/configmap.yaml") .root | sha256sum) }}
  {{- end }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "streampost.serviceAccountName" .root }}
  {{- include "streampost.podBasics" .root | nindent 2 }}
  terminationGracePeriodSeconds: {{ $worker.terminationGracePeriodSeconds | int }}
  {{- with $worker.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $worker.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $worker.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $worker.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $worker.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: {{ $worker.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels: {{- include "streampost.selector" $scope | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  containers:
    - name: {{ $worker.role }}
      {{- include "streampost.containerBasics" .root | nindent 6 }}
      args: {{ include "streampost.args" $worker }}
      env:
        {{- include "streampost.envList" (include "streampost.workerEnv" . | fromJson) | trim | nindent 8 }}
        {{- with $worker.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: health
          containerPort: {{ $values.healthPort | int }}
        {{- with $serves }}
        - name: {{ .name }}
          containerPort: {{ int .port }}
        {{- end }}
      {{- if $serves }}
      # it listens until balancers have heard that it goes
      lifecycle:
        preStop:
          exec: {command: [sleep, "5"]}
      {{- end }}
      # the tables are read before it is ready; a pod that never gets there is started again
      startupProbe:
        httpGet: {path: /ready, port: health}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: {{ div (int $worker.startupSeconds) 5 }}
      readinessProbe:
        httpGet: {path: /ready, port: health}
        periodSeconds: 10
        timeoutSeconds: 3
      # progress of the loop, never whether Kafka or ClickHouse is up: restarts would not help those
      livenessProbe:
        httpGet: {path: /live, port: health}
        periodSeconds: 10
        timeoutSeconds: 3
        failureThreshold: 3
      resources: {{- toYaml $worker.resources | nindent 8 }}
      volumeMounts:
        {{- include "streampost.volumeMounts" $wanted | nindent 8 }}
        {{- with $worker.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "streampost.volumes" $wanted | nindent 4 }}
    {{- with $worker.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* What workers and jobs have in common. */}}
{{- define "streampost.podBasics" -}}
automountServiceAccountToken: false
# Docker links would put STREAMPOST_*_SERVICE_HOST and the like among the settings, which refuse unknown names
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{- define "streampost.containerBasics" -}}
image: {{ include "streampost.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
workingDir: /tmp
securityContext: {{- toYaml .Values.containerSecurityContext | nindent 2 }}
{{- end -}}
