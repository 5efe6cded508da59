"""ES256 tokens of an issuer of our own (RFC 7515, RFC 7518 §3.4), many of them, and the key set that verifies them."""
import base64, ctypes, ctypes.util, hashlib, http.server, json, os, threading, time

LIFE = 24 * 3600
PEOPLE = 1000
# SubjectPublicKeyInfo of a point on P-256 (RFC 5480), as far as it is the same for all.
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")

# Each request takes the next line of a file, from a place on. How far it came is printed at the end.
LUA = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args)
  at, count, requests = tonumber(args[2]), 0, {}
  for token in io.lines(args[1]) do
    count = count + 1
    requests[count] = wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. token, ["Accept"] = "*/*" })
  end
end
function request()
  at = at + 1
  return requests[(at - 1) % count + 1]
end
function done()
  for _, thread in ipairs(threads) do print("Tokens until " .. thread:get("at") .. " of " .. thread:get("count")) end
end
"""


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A key of libcrypto, called directly: starting `openssl` once a token would take a hundred times as long."""

    def __init__(self):
        name = ctypes.util.find_library("crypto")
        if not name:
            raise RuntimeError("libcrypto (OpenSSL 3) is needed to sign tokens")
        self.lib = lib = ctypes.CDLL(name)
        lib.EVP_PKEY_Q_keygen.restype = lib.EVP_PKEY_CTX_new.restype = ctypes.c_void_p
        self.key = ctypes.c_void_p(lib.EVP_PKEY_Q_keygen(None, None, ctypes.c_char_p(b"EC"), ctypes.c_char_p(b"P-256")))
        self.context = ctypes.c_void_p(lib.EVP_PKEY_CTX_new(self.key, None))
        if lib.EVP_PKEY_sign_init(self.context) != 1:
            raise RuntimeError("libcrypto refuses to sign")
        self.buffer, self.length = ctypes.create_string_buffer(128), ctypes.c_size_t()

    def point(self):
        """The public key, uncompressed: 4, x, y."""
        point, length = ctypes.create_string_buffer(65), ctypes.c_size_t()
        self.lib.EVP_PKEY_get_octet_string_param(self.key, b"pub", point, ctypes.c_size_t(65), ctypes.byref(length))
        return point.raw

    def sign(self, message):
        self.length.value = 128
        digest = hashlib.sha256(message).digest()
        done = self.lib.EVP_PKEY_sign(self.context, self.buffer, ctypes.byref(self.length), digest, ctypes.c_size_t(32))
        if done != 1:
            raise RuntimeError("libcrypto did not sign")
        # DER: SEQUENCE of two INTEGERs, each shorter than 128 bytes.
        der = self.buffer.raw
        end = 4 + der[3]
        parts = der[4:end], der[end + 2:end + 2 + der[end + 1]]
        return b"".join(int.from_bytes(part, "big").to_bytes(32, "big") for part in parts)


class Tokens:
    """The issuer: where its keys are, and what it signed."""
    issuer, audience, kid = "https://issuer.example", "bench", "bench-1"

    def __init__(self, work):
        self.work, self.signer = work, Signer()
        self.head = base64url(json.dumps({"alg": "ES256", "typ": "JWT", "kid": self.kid}).encode())
        point = self.signer.point()
        x, y = base64url(point[1:33]), base64url(point[33:])
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y}
        self.jwks = json.dumps({"keys": [key]})
        self.key_file = self.write("issuer.pem", "-----BEGIN PUBLIC KEY-----\n"
                                   + base64.encodebytes(SPKI + point).decode() + "-----END PUBLIC KEY-----\n")
        self.script = self.write("tokens.lua", LUA)
        self.jwks_url = self.serve()
        self.one = self.token("person-0", "one")

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w") as out:
            out.write(text)
        return path

    def token(self, subject, number, life=LIFE):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.audience, "sub": subject, "jti": str(number), "iat": now, "exp": now + life}
        message = f"{self.head}.{base64url(json.dumps(claims).encode())}"
        return f"{message}.{base64url(self.signer.sign(message.encode()))}"

    def bad(self):
        """Tokens that nobody may take, and what is wrong with each."""
        message, signature = self.token("person-0", "bad").rsplit(".", 1)
        turned = ("B" if signature[10] == "A" else "A").join((signature[:10], signature[11:]))
        yield "no token", None
        yield "a broken signature", f"{message}.{turned}"
        yield "a token that has ended", self.token("person-0", "late", life=-600)

    def file(self, kind, count):
        """A file of so many tokens, all different, signed at the first call."""
        path = os.path.join(self.work, f"{kind}.tokens")
        if not os.path.exists(path):
            subject = {"known": lambda number: f"person-{number % PEOPLE}", "new": lambda number: f"stranger-{number}"}[kind]
            with open(path, "w") as out:
                out.writelines(self.token(subject(number), number) + "\n" for number in range(count))
        return path

    def serve(self):
        jwks = self.jwks.encode()

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(jwks)))
                self.end_headers()
                self.wfile.write(jwks)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/jwks.json"
