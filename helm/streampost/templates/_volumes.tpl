{{/* Files of the processes: secrets that exist already, and the configuration with the DKIM keys in it. */}}

{{/* Argument: dict root, and which of kafka, clickhouse, hash, tokens, tls, config, dkim are wanted. */}}
{{- define "streampost.volumes" -}}
{{- $values := .root.Values -}}
- name: tmp
  emptyDir: {}
{{- if and .kafka $values.kafka.existingSecret }}
- name: kafka
  secret:
    secretName: {{ $values.kafka.existingSecret }}
    defaultMode: 0440
    items:
      {{- with $values.kafka.passwordKey }}
      - {key: {{ . }}, path: password}
      {{- end }}
      {{- with $values.kafka.caKey }}
      - {key: {{ . }}, path: ca.pem}
      {{- end }}
{{- end }}
{{- if and .clickhouse $values.clickhouse.existingSecret }}
- name: clickhouse
  secret:
    secretName: {{ $values.clickhouse.existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ $values.clickhouse.passwordKey }}, path: password}
{{- end }}
{{- if .hash }}
- name: hash
  secret:
    secretName: {{ $values.hashKey.existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ $values.hashKey.key }}, path: hash-key}
{{- end }}
{{- if .tokens }}
- name: tokens
  secret:
    secretName: {{ $values.tokenKeys.existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ $values.tokenKeys.key }}, path: token-keys}
{{- end }}
{{- if and .tls $values.inboundTls.existingSecret }}
- name: tls
  secret:
    secretName: {{ $values.inboundTls.existingSecret }}
    defaultMode: 0440
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- if .config }}
# one projected volume: a mount below a ConfigMap's mount would need a writable one
- name: config
  projected:
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ include "streampost.configMapName" .root }}
      {{- if .dkim }}
      {{- range $values.dkim }}
      - secret:
          name: {{ .existingSecret }}
          items:
            - {key: {{ .key }}, path: {{ printf "keys/%s/%s.pem" .domain .selector }}}
      {{- end }}
      {{- end }}
{{- end }}
{{- end -}}

{{- define "streampost.volumeMounts" -}}
{{- $values := .root.Values -}}
- name: tmp
  mountPath: /tmp
{{- if and .kafka $values.kafka.existingSecret }}
- name: kafka
  mountPath: /etc/streampost/kafka
  readOnly: true
{{- end }}
{{- if and .clickhouse $values.clickhouse.existingSecret }}
- name: clickhouse
  mountPath: /etc/streampost/clickhouse
  readOnly: true
{{- end }}
{{- if .hash }}
- name: hash
  mountPath: /etc/streampost/hash
  readOnly: true
{{- end }}
{{- if .tokens }}
- name: tokens
  mountPath: /etc/streampost/tokens
  readOnly: true
{{- end }}
{{- if and .tls $values.inboundTls.existingSecret }}
- name: tls
  mountPath: /etc/streampost/tls
  readOnly: true
{{- end }}
{{- if .config }}
- name: config
  mountPath: /etc/streampost/config
  readOnly: true
{{- end }}
{{- end -}}
