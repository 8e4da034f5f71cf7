"""Settings: one frozen, typed object; plain values from config/<environment>.toml, secrets from the process environment."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

_PACKAGE = Path(__file__).parent
# In a checkout the house stands beside the package; in a wheel it travels inside it.
HOUSE = _PACKAGE.parent if (_PACKAGE.parent / "templates").is_dir() else _PACKAGE / "_house"

WEAK_SECRETS = {
    "secret",
    "changeme",
    "change-me",
    "password",
    "development",
    "dev",
    "test",
    "coordinator",
    "secret-key",
}


class Settings(BaseSettings):
    """All that can be set; a value that is missing or weak means that nothing starts."""

    model_config = SettingsConfigDict(env_prefix="COORDINATOR_", frozen=True, extra="forbid")

    environment: Literal["development", "test", "production"]
    secret_key: SecretStr
    database_url: str
    jobs_url: str = Field(description="sqlite:///path, postgresql://… or redis://…: where the task queue lives")
    base_url: str = Field(description="the address in mails; also the only host that is answered, with trusted_hosts")
    trusted_hosts: list[str] = []
    trusted_proxies: int = Field(default=0, ge=0, description="proxies in front, whose X-Forwarded-For is believed")
    secure_cookies: bool
    ministry_name: str
    time_zone: str
    contact: str
    notice: str = Field(default="", description="a sentence on every page and sheet, such as that all of it is an example")

    smtp_host: str
    smtp_port: int
    smtp_security: Literal["starttls", "tls", "none"]
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_timeout_seconds: float
    smtp_ca_file: str | None = None
    mail_from: str

    session_idle_minutes: int
    session_hours: int
    link_hours: int
    sign_in_tries: int
    sign_in_window_minutes: int
    argon2_time_cost: int
    argon2_memory_kib: int

    max_content_length: int
    recheck_inline: int = Field(description="entries whose overlaps are brought up to date before the commit; more go to a job")
    encoder: str = Field(default="default", description="default, none, or a folder with a sentence-transformers ONNX export")
    neighbour_index: bool = Field(default=True, description="whether a look asks pgvector's index, where PostgreSQL has it")
    pool_size: int = 8
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _strong(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if len(secret) < 32 or len(set(secret)) < 8 or secret.lower() in WEAK_SECRETS:
            raise ValueError(
                "secret_key: set COORDINATOR_SECRET_KEY (or COORDINATOR_SECRET_KEY_FILE) to at least 32 random characters"
            )
        if self.environment == "production" and not (self.secure_cookies and self.base_url.startswith("https://")):
            raise ValueError("base_url: in production the address must be https and cookies secure")
        return self

    @property
    def hosts(self) -> list[str]:
        """Return the host names that the web process answers to."""
        host = urlsplit(self.base_url).hostname
        return [*([host] if host else []), *self.trusted_hosts]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Prefer what is said in code, then the process environment, then the environment's file; no .env files."""
        environment = init_settings()["environment"]
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, HOUSE / "config" / f"{environment}.toml"),
        )


def load(environment: str | None = None, **said: Any) -> Settings:
    """Return the settings of an environment (default: COORDINATOR_ENV, else production); raises ValueError on bad ones."""
    name = environment or os.environ.get("COORDINATOR_ENV", "production")
    if not (HOUSE / "config" / f"{name}.toml").is_file():
        raise ValueError(f"no settings for the environment {name!r}: {name}.toml is not in config/")
    for key in ("secret_key", "database_url", "smtp_password"):
        named = os.environ.get(f"COORDINATOR_{key.upper()}_FILE")
        if named:
            said.setdefault(key, Path(named).read_text().strip())
    if name == "development" and "COORDINATOR_SECRET_KEY" not in os.environ:
        said.setdefault("secret_key", _development_secret())
    return Settings.model_validate({"environment": name, **said})


def _development_secret() -> str:
    """Keep one random secret per checkout under var/, so that a restart does not sign everybody out."""
    path = Path("var") / "secret"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(os.urandom(32).hex())
    return path.read_text().strip()


@lru_cache
def detection() -> dict[str, Any]:
    """Return config/detection.toml: floors, windows and weights of the detector."""
    return tomllib.loads((HOUSE / "config" / "detection.toml").read_text())
