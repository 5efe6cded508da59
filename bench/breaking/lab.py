"""Where a section works: a folder, servers that end with it, and people with accounts."""
import asyncio, contextlib, os, shutil, tempfile

from harness import http1
from harness.processes import Node
from harness.servers import PostgreSQL, Redis

PASSWORD = "correct horse battery staple"
ADMIN = "admin@example.test"
# 32 bytes in base64: nodes that share a database must share this.
MASTER_KEY = "YnJlYWtzIG9uIHB1cnBvc2UgLSAzMiBieXRlcyBrZXk="

# No load here shall meet a limit that a section does not try on purpose. They are still counted.
SETTINGS = {
    "gateway.limits.global": "1000000000/1m",
    "gateway.limits.per_ip": "1000000000/1m",
    "gateway.limits.per_user": "1000000000/1m",
    "gateway.limits.auth_per_ip": "1000000000/1m",
    "gateway.limits.auth_per_account": "1000000000/1m",
    "password.guard.ip_failures": "0",
    "password.guard.subnet_failures": "0",
    # Nodes that stand for each other issue each other's tokens.
    "public_url": "http://id.example.test",
    "auth.max_sessions": "0",
    "auth.login_alerts": "false",
}


class Lab(contextlib.AsyncExitStack):
    """The servers of one section. Leaving it ends them and removes their data."""

    def __init__(self, options):
        super().__init__()
        self.options = options
        self.server = options.server

    async def __aenter__(self):
        await super().__aenter__()
        self.folder = tempfile.mkdtemp(prefix="denizen-breaks.", dir="/var/tmp")
        # PostgreSQL runs as another user.
        os.chmod(self.folder, 0o755)
        self.callback(self.remove)
        return self

    def remove(self):
        if self.options.keep:
            print(f"logs and data are in {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def seconds(self, whole):
        """How long a phase takes: half as long with --brief."""
        return whole / 2 if self.options.brief else whole

    def started(self, process):
        self.push_async_callback(process.stop)
        return process.start()

    async def postgres(self):
        server = PostgreSQL(self.folder)
        self.push_async_callback(server.stop)
        return await asyncio.to_thread(server.start)

    async def redis(self):
        return await self.started(Redis(self.folder)).answers()

    async def node(self, name, settings=None, toml="", core="0"):
        everything = SETTINGS | {"master_key": MASTER_KEY} | (settings or {})
        return await self.started(Node(name, self.folder, everything, toml, self.server, core)).ready()


async def register(port, count, prefix):
    """Accounts of so many people; their addresses."""
    emails = [f"{prefix}{number}@example.test" for number in range(count)]
    for email in emails:
        body = {"name": "Ada", "email": email, "password": PASSWORD}
        answer = await http1.once(port, "POST", "/api/v1/users", body)
        if answer.status != 201:
            raise SystemExit(f"{email} cannot register: {answer.status} {answer.content[:300]}")
    return emails


async def log_in(port, email):
    """Access and refresh token."""
    for _ in range(50):
        body = {"identifier": email, "password": PASSWORD}
        answer = await http1.once(port, "POST", "/api/v1/auth/login", body)
        if answer.status == 200:
            found = answer.json()
            return found["access_token"], found["refresh_token"]
        # Right after a start the first administrator may not be there yet.
        await asyncio.sleep(0.2)
    raise SystemExit(f"{email} cannot log in: {answer.status} {answer.content[:300]}")
