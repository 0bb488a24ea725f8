{{- /* Where things are in the container. */ -}}
{{- define "bridge.settingsDirectory" -}}/etc/bridge/settings{{- end -}}
{{- define "bridge.secretsDirectory" -}}/etc/bridge/secrets{{- end -}}
{{- define "bridge.herIdsDirectory" -}}/etc/bridge/her-ids{{- end -}}
{{- define "bridge.dataDirectory" -}}/var/lib/bridge{{- end -}}

{{- /* Which setting names the file of which of `secrets`. A test holds this list against the bridge's settings. */ -}}
{{- define "bridge.secretSettings" -}}
brokerUrls: broker.urls_file
brokerManagementUrl: broker.management_url_file
brokerTlsCa: broker.tls.ca_file
brokerTlsCert: broker.tls.cert_file
brokerTlsKey: broker.tls.key_file
storeUrl: store.url_file
storeTlsCa: store.tls.ca_file
storeTlsCert: store.tls.cert_file
storeTlsKey: store.tls.key_file
nhnPrivateKey: nhn.auth.private_key_file
altinnPrivateKey: altinn.auth.private_key_file
altinnToken: altinn.auth.token_file
{{- end -}}

{{- /* The bridge's YAML file: what the chart decides, and over it what `settings` says. */ -}}
{{- define "bridge.settings" -}}
{{- $settings := dict "ops" (dict "host" "0.0.0.0") -}}
{{- range $secret, $setting := include "bridge.secretSettings" . | fromYaml -}}
{{- if (get $.Values.secrets $secret).name -}}
{{- $tree := printf "%s/%s" (include "bridge.secretsDirectory" $) $setting -}}
{{- range splitList "." $setting | reverse -}}{{- $tree = dict . $tree -}}{{- end -}}
{{- $settings = merge $settings $tree -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.store.kind "sqlite" -}}
{{- $settings = merge $settings (dict "store" (dict "url" (printf "sqlite:///%s/bridge.db" (include "bridge.dataDirectory" .)))) -}}
{{- end -}}
{{- if .Values.topology.enabled -}}
{{- $settings = merge $settings (dict "broker" (dict "topology" "check")) -}}
{{- end -}}
{{- $settings = mergeOverwrite $settings (deepCopy .Values.settings) -}}
{{- if include "bridge.herIdsConfigMap" . -}}
{{- $settings = merge $settings (include "bridge.herIdsSettings" . | fromYaml) -}}
{{- $tenants := list -}}
{{- range dig "nhn" "tenants" list .Values.settings -}}
{{- $file := dict "her_ids_file" (printf "%s/%s" (include "bridge.herIdsDirectory" $) .name) -}}
{{- $tenants = append $tenants (ternary . (merge (deepCopy .) $file) (or (hasKey . "her_ids") (hasKey . "her_ids_file"))) -}}
{{- end -}}
{{- if $tenants -}}{{- $_ := set $settings.nhn "tenants" $tenants -}}{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{- define "bridge.herIdsSettings" -}}
{{- if dig "nhn" "tenants" "" .Values.settings -}}
nhn: {}
{{- else -}}
nhn: {her_ids_file: {{ include "bridge.herIdsDirectory" . }}/default}
{{- end -}}
{{- end -}}

{{- define "bridge.shutdownDeadline" -}}
{{- dig "shutdown_deadline_s" 25 .Values.settings | float64 | ceil | int -}}
{{- end -}}

{{- define "bridge.opsPort" -}}
{{- dig "ops" "port" 8080 .Values.settings | int -}}
{{- end -}}

{{- define "bridge.exchange" -}}
{{- $defaults := dict "nhn" "nhn.notifications" "altinn" "altinn.notifications" "parked" "bridge.parked" -}}
{{- dig "broker" (printf "exchange_%s" .which) (get $defaults .which) .root.Values.settings -}}
{{- end -}}
