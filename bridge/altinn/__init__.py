"""Altinn Notifications: every change of every e-mail's status becomes an event.

    a due order -> its e-mails asked -> compared with what was published -> messages + what to remember -> when next

`source` has the flow; `poll` asks for one order, `api` is one request; pure are `decode`, `changes` (the diff),
`registration_body`, `lifecycle` (how an order ends) and `schedule`. Orders come in by `registrations` and `feed`.
"""
