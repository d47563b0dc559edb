// A real OpenID provider that gives access tokens for mail: node oauth.mjs. Prints its issuer when it listens.
// Whoever types an address is that person; the client "relay" is a program with a token of its own.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const mail = "https://mail.corp.example";

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "thunderbird", token_endpoint_auth_method: "none", redirect_uris: ["https://app.example/"],
      grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
    },
    {
      client_id: "relay", client_secret: "s:e%cret+", redirect_uris: [], response_types: [],
      grant_types: ["client_credentials"],
    },
    {
      client_id: "server", client_secret: "server", redirect_uris: [], response_types: [], grant_types: [],
    },
  ],
  pkce: { required: () => true },
  scopes: ["openid"],
  cookies: { keys: ["only for tests"] },
  ttl: { AccessToken: 300, ClientCredentials: 300 },
  features: {
    devInteractions: { enabled: false }, clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true }, revocation: { enabled: true },
    resourceIndicators: {
      enabled: true, defaultResource: () => mail, useGrantedResource: () => true,
      // The relay's are asked of us by the server that gets them: they can be taken back.
      getResourceServerInfo: (_, resource, client) => ({
        scope: "smtp", audience: mail, accessTokenFormat: client.clientId === "relay" ? "opaque" : "jwt",
      }),
    },
  },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  extraTokenClaims: (_, token) => ({ email: token.accountId ?? `${token.clientId}@corp.example`, email_verified: true }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, typed) => ({ accountId: typed, claims: () => ({ sub: typed }) }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid");
    grant.addResourceScope(mail, "smtp");
    await grant.save();
    return grant;
  },
});
provider.on("server_error", (_, error) => console.error(error));

const oidc = provider.callback();
server.on("request", async (request, response) => {
  if (!request.url.startsWith("/interaction/")) return oidc(request, response);
  if (request.method === "GET") return response.end("who?");
  let body = "";
  for await (const chunk of request) body += chunk;
  const login = { accountId: new URLSearchParams(body).get("who") };
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
});
console.log(issuer);
