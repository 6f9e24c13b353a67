"""An echo server of asyncio's streams on uvloop.

echo_uvloop.py [--busy]: prints its port, and serves until its standard input is closed.
"""

import aside

aside.start()

import asyncio  # noqa: E402

import uvloop  # noqa: E402


async def answer(reader, writer):
    # asyncio sets TCP_NODELAY by itself.
    try:
        while True:
            data = await reader.read(4096)
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except ConnectionResetError:
        # How the load closes.
        pass
    finally:
        writer.close()


async def serve():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


uvloop.install()
asyncio.run(serve())
