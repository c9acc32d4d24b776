"""The log that the stages meet on: Kafka in production, a SQLite file in one process; one contract for both."""

from config.settings import Settings
from workers.log.contract import Log


async def open_log(settings: Settings) -> Log:
    """The log that the settings name. Kafka is connected to at the first use, so a worker can wait for it."""
    if settings.mode == "kafka":
        from workers.log.kafka import KafkaLog

        return KafkaLog(settings.kafka)
    from workers.log.embedded import EmbeddedLog

    return EmbeddedLog(settings.data)
