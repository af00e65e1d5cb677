"""The gRPC side of the hints: ``lengthwise.hints.v1.Hints/Forecast``, see hints.proto below.

message ForecastRequest { repeated bytes requests = 1; }       // each a JSON body of OpenAI's API
message Forecast {
  repeated double quantiles = 1;                               // tokens at 0.1, 0.5, 0.8, 0.9, 0.95
  double mean = 2; string tier = 3; bool unfamiliar = 4;
}
message ForecastReply { repeated Forecast forecasts = 1; }
service Hints { rpc Forecast(ForecastRequest) returns (ForecastReply); }
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler

from gateway.hints.hints import MOST_BYTES, Hints, parsed
from gateway.picker.messages import built
from gateway.protocol.errors import ApiError

PATH = "/lengthwise.hints.v1.Hints/Forecast"

_CLASSES = built(
    "lengthwise.hints.v1",
    {
        "ForecastRequest": "requests:1:bytes*",
        "Forecast": "quantiles:1:double* mean:2:double tier:3:string unfamiliar:4:bool",
        "ForecastReply": "forecasts:1:Forecast*",
    },
)
ForecastRequest, ForecastReply = _CLASSES["ForecastRequest"], _CLASSES["ForecastReply"]


@dataclass(frozen=True, slots=True)
class HintsService:
    """The service for a gRPC server."""

    hints: Hints

    async def forecast(self, stream: Any) -> None:
        """Answer one call."""
        bodies = (await stream.recv_message()).requests
        reply = ForecastReply()
        try:
            if sum(map(len, bodies)) > MOST_BYTES:
                parsed(b"".join(bodies))  # raises what is wrong with it
            found = await self.hints.of([parsed(body) for body in bodies])
        except ApiError as error:
            raise GRPCError(Status.INVALID_ARGUMENT, str(error)) from error
        for hint in found:
            fields = {"mean": hint.mean, "tier": hint.tier, "unfamiliar": hint.unfamiliar}
            reply.forecasts.add(quantiles=hint.quantiles, **fields)
        await stream.send_message(reply)

    def __mapping__(self) -> dict[str, Handler]:
        """The service."""
        kinds = Cardinality.UNARY_UNARY, ForecastRequest, ForecastReply
        return {PATH: Handler(self.forecast, *kinds)}
