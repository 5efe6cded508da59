"""HTTP/1.1 over asyncio: one request at a time on a connection that is kept alive."""
import asyncio, json

LONGEST_HEAD = 256 * 1024


class Broken(Exception):
    """No answer came: the connection could not be made, broke, or spoke something else."""


class Answer:
    def __init__(self, status, headers, content):
        self.status, self.headers, self.content = status, headers, content

    def json(self):
        return json.loads(self.content)


class Connection:
    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def call(self, method, path, body=None, token=None, timeout=30):
        """Sends a request and reads its answer, over another connection where the server has closed this one meanwhile."""
        try:
            async with asyncio.timeout(timeout):
                return await self.exchange(method, path, body, token)
        except TimeoutError:
            self.close()
            raise Broken(f"no answer in {timeout} s") from None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
            self.close()
            raise Broken(type(error).__name__) from error
        except asyncio.CancelledError:
            self.close()
            raise

    async def exchange(self, method, path, body, token):
        if self.writer and self.reader.at_eof():
            self.close()
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=LONGEST_HEAD)
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
        if token:
            head += f"authorization: Bearer {token}\r\n"
        if body is not None:
            head += f"content-type: application/json\r\ncontent-length: {len(text)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + text)
        return await self.read()

    async def read(self):
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status, headers = int(lines[0].split(" ", 2)[1]), {}
        for line in lines[1:-2]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        if "transfer-encoding" in headers:
            raise ValueError("chunked answers are not read here")
        length = int(headers.get("content-length", 0))
        content = await self.reader.readexactly(length) if length else b""
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, content)

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None


async def once(port, method, path, body=None, token=None, timeout=30):
    """One request on a connection of its own."""
    connection = Connection(port)
    try:
        return await connection.call(method, path, body, token, timeout)
    finally:
        connection.close()
