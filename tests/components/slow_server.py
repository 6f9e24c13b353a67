"""A web server that answers after 300 ms: slow_server.py CERTIFICATE KEY

Prints the ports of HTTP and of HTTPS, and serves until its standard input ends. The body of the answer is
the path, on a thousand lines.
"""

import asyncio
import ssl
import sys

PAUSE = 0.3


async def answer(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1]
        await asyncio.sleep(PAUSE)
        body = (path + b"\n") * 1000
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has left
    finally:
        writer.close()


async def serve(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    ports = []
    for security in (None, context):
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=security, backlog=512)
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(serve(*sys.argv[1:]))
