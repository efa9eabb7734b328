"""The server's socket."""

import asyncio
import socket

from service.api.listening import listening_socket
from service.settings import Settings


async def test_answers_leave_at_once_and_do_not_wait_for_the_acknowledgement_of_what_went_before() -> None:
    """Without TCP_NODELAY each answer of two packets takes 40 ms more."""
    seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listening_socket(Settings(port=0)) as listener:
        async with await asyncio.start_server(accept, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await seen != 0
            writer.close()
            await writer.wait_closed()
