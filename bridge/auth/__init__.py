"""Signing in: HelseID with DPoP, Maskinporten with the exchange to an Altinn token, platform access tokens.

What a source uses is an `httpx.Auth`, made by `helseid.HelseId`, `maskinporten.Maskinporten` or
`platform_token.PlatformAccessTokenAuth`. Beneath them, each a file:

    helseid, maskinporten   one issuer, one client: which requests make a token
    flow                    how a request carries its token; what a 401 does
    cache                   one token, fetched once however many ask, renewed in good time
    issuer, discovery       requests to an issuer, bounded in time and size
    keys, last_good         signing keys, and secrets that change while the process runs
    token, answers, assertions, dpop, diagnosis, skew     pure: decided here, done above

No secret, assertion, proof or token is in any repr, error or word to the observer.
"""
