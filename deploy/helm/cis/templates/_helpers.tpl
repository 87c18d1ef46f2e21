{{- define "cis.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "cis.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "cis.selector" -}}
app.kubernetes.io/name: cis
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "cis.labels" -}}
{{ include "cis.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* The configuration: what was given, and where it listens. */}}
{{- define "cis.config" -}}
{{- $ours := dict
  "admin" (dict "listen" ":9090")
  "api" (dict "listen" ":8080")
  "grace-period" (printf "%ds" (sub (int .Values.terminationGracePeriodSeconds) 5)) -}}
{{- mergeOverwrite (deepCopy .Values.config) $ours | toYaml -}}
{{- end }}

{{- define "cis.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "cis.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "cis.env" -}}
- {name: CIS_CONFIG, value: /etc/cis/cis.yaml}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cis.mounts" -}}
- {name: config, mountPath: /etc/cis/cis.yaml, subPath: cis.yaml, readOnly: true}
- {name: secrets, mountPath: /run/secrets/cis, readOnly: true}
{{- if .Values.files }}
- {name: files, mountPath: /etc/cis/files, readOnly: true}
{{- end }}
{{- end }}

{{- define "cis.volumes" -}}
# Its group reads them, nobody else: cis refuses secrets that others can read.
- {name: secrets, secret: {secretName: {{ .Values.secret | quote }}, defaultMode: 0440}}
{{- if .Values.files }}
- {name: files, configMap: {name: {{ .Values.files | quote }}}}
{{- end }}
{{- end }}
