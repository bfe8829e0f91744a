{{- define "fogflow.nginx.conf" -}}
{{- $discovery := printf "http://%s:%d" (include "fogflow.fqdn" (list . "discovery")) (int .Values.config.discovery.http_port) -}}
{{- $broker := printf "http://%s:%d" (include "fogflow.fqdn" (list . "cloud-broker")) (int .Values.config.broker.http_port) -}}
{{- $designer := printf "http://%s:%d" (include "fogflow.fqdn" (list . "designer")) (int .Values.config.designer.webSrvPort) -}}
worker_processes 2;
error_log /dev/stderr warn;
pid /tmp/nginx.pid;
events {
  worker_connections 2048;
}
http {
  server_tokens off;
  access_log /dev/stdout;
  keepalive_requests 100; # after these, a client connects again, possibly to another replica
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  client_max_body_size 16m;

  # Only WebSocket: a client that switches to another protocol could talk to a component without the rules below.
  map $http_upgrade $upgrade {
    default '';
    ~*^websocket$ websocket;
  }
  map $upgrade $connection_upgrade {
    default '';
    websocket upgrade;
  }
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header Upgrade $upgrade;
  proxy_set_header Connection $connection_upgrade;

  {{- $hosts := splitList "," (include "fogflow.shards" .) }}
  {{- if gt (len $hosts) 1 }}
  upstream brokers { # the first is asked first; an answer that it does not have an entity is not a failure
    {{- range $n, $host := $hosts }}
    server {{ $host }}:{{ int $.Values.config.broker.http_port }} max_fails=0{{ if $n }} backup{{ end }};
    {{- end }}
  }
  {{- end }}

  server {
    listen 8080;
    {{- if .Values.ipv6 }}
    listen [::]:8080;
    {{- end }}

    location = /healthz {
      access_log off;
      default_type text/plain;
      return 200 "ok\n";
    }
    # nginx selects the location by the path as it parses it, but forwards the path as it was sent. If a component parses it
    # differently, a rule below could be bypassed, so dot segments, # and backslashes are refused.
    if ($request_uri ~* "^[^?]*([#\\\\]|(/|%2f)(\.|%2e){1,2}(/|%2f|[?]|$))") {
      return 400;
    }
    # a single GET of a subscription by id ends discovery's process
    location ~* ^/ngsi9/subscription/ {
      return 403;
    }
    # the designer serves its database as a static file
    location ~* ^/data/meta(/|$) {
      return 403;
    }
    location /ngsi9/ {
      proxy_pass {{ $discovery }};
    }
    {{- if gt (len $hosts) 1 }}
    # Requests with a body go to the first broker, so that an entity is found where it was created. An entity of another broker can
    # only be read by its id; if a broker does not answer, the answer is 502, because it may have the entity.
    location /ngsi10/entity/ {
      if ($request_method = DELETE) {
        return 400;
      }
      proxy_next_upstream http_404;
      proxy_pass http://brokers;
    }
    location ~ "^/ngsi10/entity/(?<entity>[^/\x22\x5c\x00-\x1f]+)$" {
      if ($request_method = DELETE) {
        rewrite ^ /deleted-by-its-owner last;
      }
      proxy_next_upstream http_404;
      proxy_pass http://brokers;
    }
    # a broker that does not own an entity would remove only its registration; this call reaches the owner
    location = /deleted-by-its-owner {
      internal;
      proxy_method POST;
      proxy_set_header Content-Type application/json;
      proxy_set_body '{"contextElements":[{"entityId":{"id":"$entity"}}],"updateAction":"DELETE"}';
      proxy_pass {{ $broker }}/ngsi10/updateContext;
    }
    {{- end }}
    location /ngsi10/ {
      proxy_pass {{ $broker }};
    }
    location /ngsi-ld/ {
      proxy_pass {{ $broker }};
    }
    location / {
      {{- if .Values.expose.basicAuth.existingSecret }}
      auth_basic "FogFlow";
      auth_basic_user_file /etc/nginx/auth/htpasswd;
      {{- end }}
      proxy_pass {{ $designer }};
      proxy_read_timeout 3600s; # WebSockets of the dashboard
    }
  }
}
{{- end }}
