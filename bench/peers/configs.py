"""How each proxy is set up. All forward the same headers and write an access log to a file."""

UPSTREAM = """
worker_processes 1; daemon off; master_process off; pid {work}/upstream.pid; error_log {work}/upstream.err;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  server {{ listen 127.0.0.1:{upstream} backlog=4096; location / {{ default_type text/plain; return 200 "{body}"; }} }}
}}
"""

NGINX = """
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 8192; }}
http {{
  log_format line '$remote_addr $time_iso8601 "$request" $status $body_bytes_sent $request_time $request_id';
  access_log {folder}/nginx.log line;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  upstream fast {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  {zone}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      {limit}
      proxy_pass http://fast; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id;
    }}
  }}
}}
"""
NGINX_ZONE = "limit_req_zone $binary_remote_addr zone=address:10m rate=1000000r/s;"
NGINX_LIMIT = "limit_req zone=address burst=1000000 nodelay;"

HAPROXY = """
global
  nbthread 1
  maxconn 8192
  log {folder}/haproxy.sock len 1024 local0 info
defaults
  mode http
  log global
  option httplog
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
frontend front
  bind 127.0.0.1:{port} backlog 4096
  unique-id-format %{{+X}}o\\ %ci%cp%fi%fp%Ts%rt%pid
{checks}
  http-request set-header X-Request-Id %[unique-id]
  http-response set-header X-Request-Id %[unique-id]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Real-IP %[src]
  option forwardfor
  default_backend fast
backend fast
  server one 127.0.0.1:{upstream} pool-max-conn 256
"""
HAPROXY_LIMIT = """
  stick-table type ip size 100k expire 60s store http_req_rate(60s)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000000 }
"""
# The checks of HAProxy's own guide to JWTs, and the upstream is told who comes as Denizen tells it.
HAPROXY_TOKENS = """
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str ISSUER }
  http-request deny deny_status 401 unless { var(txn.aud) -m str AUDIENCE }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"KEY") -m int 1 }
  http-request deny deny_status 401 unless { var(txn.exp) -m found }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int le 0 }
  http-request set-header X-Denizen-User %[var(txn.token),jwt_payload_query('$.sub')]
  http-request del-header Authorization
"""

DENIZEN = """
listen = "127.0.0.1:{port}"
data_dir = "{folder}/data"
[gateway]
access_log = true
idle_timeout = "10m"
[gateway.limits]
enabled = {limits}
global = "1000000000/1m"
per_ip = "1000000000/1m"
per_user = "1000000000/1m"
[[gateway.upstreams]]
name = "fast"
targets = [{{ url = "http://127.0.0.1:{upstream}" }}]
[[gateway.routes]]
name = "all"
match = {{ path = "/bench/{{*rest}}" }}
upstream = "fast"
{auth}
"""


def nginx(section, values):
    zone, limit = (NGINX_ZONE, NGINX_LIMIT) if section.limits else ("", "")
    return NGINX.format(**values, zone=zone, limit=limit)


def haproxy(section, values, tokens):
    checks = HAPROXY_LIMIT if section.limits else ""
    if section.tokens:
        checks += HAPROXY_TOKENS.replace("KEY", tokens.key_file)
        checks = checks.replace("ISSUER", tokens.issuer).replace("AUDIENCE", tokens.audience)
    return HAPROXY.format(**values, checks=checks)


def denizen(section, values, tokens):
    auth = 'auth = "none"'
    if section.tokens:
        issuer = f'issuer = "{tokens.issuer}", jwks_url = "{tokens.jwks_url}", audiences = ["{tokens.audience}"]'
        auth = f'auth = "required"\nissuers = [{{ {issuer} }}]'
    return DENIZEN.format(**values, limits=str(section.limits).lower(), auth=auth)
