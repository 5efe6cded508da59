"""An upstream that can be made slow: `upstream.py PORT NAME`. It answers every GET with its name.

`/control/slow/MS` makes all but `/health` wait so long: checks go on to succeed while requests suffer.
"""
import asyncio, sys


class Upstream(asyncio.Protocol):
    name, slow = b"", 0.0

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            path = head.split(b" ", 2)[1]
            if path.startswith(b"/control/slow/"):
                Upstream.slow = int(path.rsplit(b"/", 1)[1]) / 1000
            if Upstream.slow and path != b"/health":
                asyncio.get_running_loop().call_later(Upstream.slow, self.answer)
            else:
                self.answer()

    def answer(self):
        if not self.transport.is_closing():
            length = str(len(self.name)).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n" + self.name)


async def main(port, name):
    Upstream.name = name.encode()
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
