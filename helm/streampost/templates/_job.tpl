{{/* A one-shot job. Argument: dict root, component, args, env, weight, and which files it needs. */}}
{{- define "streampost.job" -}}
{{- $jobs := .root.Values.jobs -}}
{{- $spec := include "streampost.jobSpec" . -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- if $jobs.useHelmHooks }}
  name: {{ include "streampost.fullname" .root }}-{{ .component }}
  {{- else }}
  # a Job cannot be changed: another one when it does something else, the same one otherwise
  name: {{ include "streampost.fullname" .root }}-{{ .component }}-{{ $spec | sha256sum | trunc 8 }}
  {{- end }}
  labels: {{- include "streampost.labels" . | nindent 4 }}
  {{- if $jobs.useHelmHooks }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation
  {{- end }}
spec:
  {{- $spec | nindent 2 }}
{{- end -}}

{{- define "streampost.jobSpec" -}}
{{- $root := .root -}}
backoffLimit: {{ $root.Values.jobs.backoffLimit | int }}
activeDeadlineSeconds: {{ $root.Values.jobs.activeDeadlineSeconds | int }}
template:
  metadata:
    labels: {{- include "streampost.selector" . | nindent 6 }}
  spec:
    restartPolicy: Never
    {{- if and (not $root.Values.serviceAccount.create) $root.Values.serviceAccount.name }}
    serviceAccountName: {{ $root.Values.serviceAccount.name }}
    {{- end }}
    {{- include "streampost.podBasics" $root | nindent 4 }}
    containers:
      - name: {{ .component }}
        {{- include "streampost.containerBasics" $root | nindent 8 }}
        args: {{ toJson .args }}
        env:
          {{- include "streampost.envList" .env | trim | nindent 10 }}
        resources: {{- toYaml $root.Values.jobs.resources | nindent 10 }}
        volumeMounts:
          {{- include "streampost.volumeMounts" . | nindent 10 }}
    volumes:
      {{- include "streampost.volumes" . | nindent 6 }}
{{- end -}}
