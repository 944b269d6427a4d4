"""A server of the Python SDK, for the test of bot/tools: server.py PORT speaks streamable HTTP, server.py alone stdio."""

import asyncio
import os
import sys

try:
    from mcp.server.fastmcp import Context, FastMCP as Server
except ModuleNotFoundError:  # version 2
    from mcp.server.mcpserver import Context, MCPServer as Server

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 0


def new_server():
    try:
        return Server("python", host="127.0.0.1", port=PORT)
    except TypeError:  # version 2 takes them in run
        return Server("python")


server = new_server()


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("it does not work on Mondays")


@server.tool()
def flood(size: int) -> str:
    """Returns a long text."""
    return "x" * size


@server.tool()
async def sleep(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "slept"


@server.tool()
def die() -> str:
    """Ends the server in the call."""
    os._exit(1)


@server.tool()
async def grow(ctx: Context) -> str:
    """Adds a tool, and tells."""

    def grown() -> str:
        """It was not there before."""
        return "grown"

    server.add_tool(grown)
    if hasattr(ctx.session, "send_tool_list_changed"):
        await ctx.session.send_tool_list_changed()
    return "one more"


if not PORT:
    server.run()
elif hasattr(server, "settings") and hasattr(server.settings, "port"):
    server.run(transport="streamable-http")
else:
    server.run(transport="streamable-http", host="127.0.0.1", port=PORT)
