"""Everything that is read from the environment (prefix HOTLINE_), with defaults on which a fresh clone works."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).parent.parent


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HOTLINE_", env_file=None, extra="ignore", populate_by_name=True)

    var: Path = Field(ROOT / "var", description="folder of what the running product writes")
    store_url: str = Field("", description="SQLAlchemy URL; empty: an SQLite file in `var`")
    data_key_file: Path | None = Field(None, description="file of the data keys, newest first; default: var/data.key")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    public_url: str = Field("", description="address under which residents reach the web chat, for cookies over https")
    place: str = Field("429006", description="division code of the county")
    nlu: str = Field("embedded", pattern="^(embedded|rasa)$")
    rasa_url: str = Field("", description="a Rasa server to ask; empty with nlu=rasa: one of our own, on this machine")
    rasa_token: SecretStr | None = Field(None, description="its --auth-token")
    rasa_timeout: float = Field(0.8, gt=0, le=10, description="seconds for one message, the second try included")
    rasa_model: Path | None = Field(None, description="folder of our own Rasa's model; default: var/models/rasa")
    model: Path | None = Field(None, description="folder of the embedded model; default: var/models/embedded")
    policy: Path = ROOT / "policy"
    nlu_data: Path = ROOT / "nlu" / "data"
    log_level: str = "INFO"
    retention_days: int = Field(
        730, ge=1, description="days after the last message when a conversation whose referrals are finished is erased"
    )

    telegram_bot_token: SecretStr | None = Field(
        None, validation_alias=AliasChoices("TELEGRAM_BOT_TOKEN", "HOTLINE_TELEGRAM_BOT_TOKEN", "telegram_bot_token")
    )
    telegram_webhook_url: str | None = Field(
        None,
        validation_alias=AliasChoices("TELEGRAM_WEBHOOK_URL", "HOTLINE_TELEGRAM_WEBHOOK_URL", "telegram_webhook_url"),
    )
    telegram_webhook_secret: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices(
            "TELEGRAM_WEBHOOK_SECRET", "HOTLINE_TELEGRAM_WEBHOOK_SECRET", "telegram_webhook_secret"
        ),
    )
    telegram_api_url: str = Field(
        "",
        validation_alias=AliasChoices("TELEGRAM_API_URL", "HOTLINE_TELEGRAM_API_URL", "telegram_api_url"),
        description="base address of a Bot API server of one's own; empty: Telegram's",
    )

    @property
    def url(self) -> str:
        return self.store_url or f"sqlite:///{self.var / 'hotline.db'}"

    @property
    def key_file(self) -> Path:
        return self.data_key_file or self.var / "data.key"

    @property
    def model_folder(self) -> Path:
        return self.model or self.var / "models" / "embedded"

    @property
    def rasa_model_folder(self) -> Path:
        return self.rasa_model or self.var / "models" / "rasa"

    @property
    def rasa_log(self) -> Path:
        return self.var / "rasa.log"
