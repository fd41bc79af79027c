"""For `mxhub check`: is the token good, does somebody answer? Posts nothing."""

from connectors.slack.options import SlackOptions
from connectors.slack.post import headers_of, object_of, open_http, read_answer
from connectors.slack.trouble import judge
from hub.model.outcome import Delivered
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.http import Client, HttpError, reach
from hub.sdk.render.text import clean

__all__ = ["probe"]

_SCOPE = "chat:write"
_NAME_CHARS = 80


async def probe(options: SlackOptions, context: Context) -> str:
    """One line about the workspace and the bot; for a webhook only that its host answers.

    Raises `DestinationFailed`.
    """
    async with open_http(context) as http:
        try:
            if options.webhook_url is not None:
                said = await reach(http, options.webhook_url.get_secret_value())
                return f"{said}; whether the webhook is alive shows only when something is posted"
            return await _known(http, options)
        except HttpError as error:
            raise DestinationFailed(str(error)) from error


async def _known(http: Client, options: SlackOptions) -> str:
    url = f"{options.api_url}/auth.test"
    response = await http.request("POST", url, headers=headers_of(options), body=b"{}")
    verdict = judge(read_answer(response, webhook=False))
    if not isinstance(verdict, Delivered):
        raise DestinationFailed(verdict.reason)
    scopes = [scope.strip() for scope in response.headers.get("x-oauth-scopes", "").split(",")]
    if scopes != [""] and _SCOPE not in scopes:
        raise DestinationFailed(f"the token lacks the scope {_SCOPE}: add it and reinstall the app")
    told = object_of(response.body)
    team, user = (clean(str(told.get(key, "?")), _NAME_CHARS) for key in ("team", "user"))
    return f"workspace {team}, posts as {user} to {options.channel}"
