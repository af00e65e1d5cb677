"""What is told of a forecast is worked out once."""

from gateway.forecasting.request_forecast import RequestForecast
from scheduler.length import LengthDistribution


def test_the_central_interval_is_that_of_the_length_and_worked_out_once() -> None:
    length = LengthDistribution.from_samples(float(tokens) for tokens in range(1, 101))
    forecast = RequestForecast(length, "recent")
    assert forecast.central == tuple(map(length.quantile, (0.1, 0.5, 0.9)))
    assert forecast.central is forecast.central
    assert forecast == RequestForecast(length, "recent")
