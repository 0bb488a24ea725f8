// HelseID as far as a client sees it: oidc-provider set up to demand private_key_jwt and DPoP with nonces, and an API that
// checks tokens and proofs with jose, neither of which shares a line with the code under test.
//
// stdin, first line: {"clients": [...], "tokenLifeS": 60, "apiNonce": false}; the end of stdin ends the process.
// stdout, first line: {"issuer": "http://127.0.0.1:PORT"}
//   GET  /notifications      the API
//   GET  /test/tally         {"tokens", "tokenRefusals": {error: n}, "apiOk", "apiRefusals": {error: n}, "keyIds": [...]}
//   POST /test/reset-tally   the tally starts anew
//   POST /test/refuse-tokens the API refuses every token that it has seen until now
//   POST /test/turn-nonce    the API takes no older nonce from now on
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { errors, Provider } from 'oidc-provider';

const ALGORITHMS = ['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
const PROOF_WINDOW_S = 6; // as NHN's sample API
const AUDIENCE = 'nhn:msh';

const count = (table, name) => { table[name] = (table[name] ?? 0) + 1; };
const json = (res, status, body, headers = {}) => res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => start(JSON.parse(line)));
lines.once('close', () => process.exit(0));

async function start({ clients, tokenLifeS = 60, apiNonce = false }) {
  const tally = {};
  const reset = () => Object.assign(tally, { tokens: 0, tokenRefusals: {}, apiOk: 0, apiRefusals: {}, keyIds: [] });
  reset();
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const api = makeApi({ publicKey, apiNonce, tally });
  let handler;
  const server = http.createServer((req, res) => handler(req, res));
  server.listen(0, '127.0.0.1', () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    exportJWK(privateKey).then((jwk) => {
      const provider = makeProvider(issuer, { clients, tokenLifeS, tally, jwks: { keys: [{ ...jwk, alg: 'RS256', use: 'sig' }] } });
      const issue = provider.callback();
      handler = (req, res) => {
        const { pathname } = new URL(req.url, issuer);
        if (pathname === '/notifications') return api.answer(req, res, issuer);
        if (pathname === '/test/tally') return json(res, 200, tally);
        if (pathname === '/test/reset-tally') return json(res, 200, reset());
        if (pathname === '/test/refuse-tokens') { api.refuseTokens(); return json(res, 200, {}); }
        if (pathname === '/test/turn-nonce') { api.turnNonce(); return json(res, 200, {}); }
        return issue(req, res);
      };
      console.log(JSON.stringify({ issuer }));
    });
  });
}

function makeProvider(issuer, { clients, tokenLifeS, tally, jwks }) {
  const provider = new Provider(issuer, {
    clients: clients.map((client) => ({
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      dpop_bound_access_tokens: true,
      response_types: [],
      redirect_uris: [],
      ...client,
    })),
    jwks,
    scopes: ['nhn:msh/api', 'nhn:other/api'],
    clientAuthMethods: ['private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ALGORITHMS, dPoPSigningAlgValues: ALGORITHMS },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true, allowReplay: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'nhn:msh/api',
          audience: AUDIENCE,
          accessTokenTTL: tokenLifeS,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    // as HelseID: the issuer alone is the audience, `exp` is near, `typ` is set
    assertJwtClientAuthClaimsAndHeader: (_, claims, header) => {
      const holds = claims.aud === issuer
        && claims.exp - Date.now() / 1000 <= 60
        && header.typ === 'client-authentication+jwt';
      if (!holds) throw new errors.InvalidClientAuth('aud, exp or typ');
    },
    // the organisation that was asked for, to be seen in the token
    extraTokenClaims: (ctx) => {
      const [, payload] = ctx.oidc.params.client_assertion.split('.');
      const { assertion_details: details } = JSON.parse(Buffer.from(payload, 'base64url'));
      return details && { details };
    },
    ttl: { ClientCredentials: tokenLifeS },
    routes: { token: '/connect/token', jwks: '/.well-known/openid-configuration/jwks' },
  });
  provider.on('grant.success', (ctx) => {
    tally.tokens += 1;
    tally.keyIds.push(decodeProtectedHeader(ctx.oidc.params.client_assertion).kid);
  });
  provider.on('grant.error', (ctx, error) => {
    count(tally.tokenRefusals, error.error);
    console.error(error.error, error.error_detail, error.cause?.message);
  });
  provider.on('server_error', (ctx, error) => console.error(error));
  return provider;
}

function makeApi({ publicKey, apiNonce, tally }) {
  const proofIds = new Set();
  const seen = new Set();
  let refused = new Set();
  let nonce = randomBytes(12).toString('base64url');

  async function check(req, issuer) {
    const [scheme, token] = (req.headers.authorization ?? '').split(' ');
    if (scheme !== 'DPoP') return 'invalid_token';
    if (refused.has(token)) return 'invalid_token';
    seen.add(token);
    const { payload } = await jwtVerify(token, publicKey, { issuer, audience: AUDIENCE }).catch(() => ({}));
    if (!payload) return 'invalid_token';
    const proof = await jwtVerify(req.headers.dpop ?? '', EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ALGORITHMS }).catch(() => undefined);
    if (!proof) return 'invalid_dpop_proof';
    const { htm, htu, ath, iat, jti } = proof.payload;
    const { jwk } = proof.protectedHeader;
    const holds = htm === req.method
      && htu === `${issuer}/notifications`
      && ath === createHash('sha256').update(token).digest('base64url')
      && Math.abs(Date.now() / 1000 - iat) <= PROOF_WINDOW_S
      && typeof jti === 'string' && !proofIds.has(jti)
      && !['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].some((member) => member in jwk)
      && payload.cnf?.jkt === await calculateJwkThumbprint(jwk);
    if (!holds) return 'invalid_dpop_proof';
    proofIds.add(jti);
    if (apiNonce && proof.payload.nonce !== nonce) return 'use_dpop_nonce';
    return undefined;
  }

  return {
    refuseTokens: () => { refused = new Set(seen); },
    turnNonce: () => { nonce = randomBytes(12).toString('base64url'); },
    answer: async (req, res, issuer) => {
      const error = await check(req, issuer);
      const headers = apiNonce ? { 'dpop-nonce': nonce } : {};
      if (error === undefined) {
        tally.apiOk += 1;
        return json(res, 200, { notifications: [] }, headers);
      }
      count(tally.apiRefusals, error);
      return json(res, 401, {}, { ...headers, 'www-authenticate': `DPoP error="${error}", algs="${ALGORITHMS.join(' ')}"` });
    },
  };
}
