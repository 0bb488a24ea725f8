"""Who stands in for the issuers: HelseID with DPoP, Maskinporten, Altinn's exchange; and the API's check of tokens.

Written from the same documents as the bridge's own sign-in, and of it nothing is used here: a mistake made there is
refused here. What decides is pure and raises `Refused`:

    jose                    JWTs and public keys
    client_assertions       HelseID's private_key_jwt; organisations: what its `assertion_details` ask for
    proofs                  DPoP proofs
    jwt_grants              Maskinporten's grant
    forms, access_tokens    requests read, tokens made and checked

What remembers: `clients`, `replays`, `nonces`, `switches`. Over HTTP: `helseid_issuer`, `maskinporten_issuer`,
`altinn_exchange`, `control`; `api_guard` and `altinn_guard` are asked by the APIs, and `desk` is what all share.
"""
