// A real OpenID provider for the browser tests: node openid.mjs REDIRECT HOME. Prints its issuer when it listens.
// Whoever types an address is that person; what stands behind a + in it says how: verified or not, with a second factor.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [redirect, home] = process.argv.slice(2);
const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const told = (typed) => {
  const [, local, tags, domain] = typed.match(/^([^+@]*)((?:\+[^+@]*)*)@(.*)$/) ?? [];
  return { address: `${local}@${domain}`, tags: (tags ?? "").split("+") };
};
const provider = new Provider(issuer, {
  clients: [{
    client_id: "mailguard", client_secret: "s:e%cret+", redirect_uris: [redirect], post_logout_redirect_uris: [home],
    grant_types: ["authorization_code"], response_types: ["code"], require_auth_time: true,
  }],
  pkce: { required: () => true },
  claims: { openid: ["sub", "roles", "amr"], email: ["email", "email_verified"] },
  cookies: { keys: ["only for tests"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, typed) => {
    const { address, tags } = told(typed);
    return {
      accountId: typed,
      claims: () => ({
        sub: typed, email: address, email_verified: !tags.includes("unverified"), roles: tags.includes("boss") ? ["bosses"] : [],
      }),
    };
  },
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid email");
    await grant.save();
    return grant;
  },
});
provider.on("server_error", (_, error) => console.error(error));

const oidc = provider.callback();
server.on("request", async (request, response) => {
  if (!request.url.startsWith("/interaction/")) return oidc(request, response);
  if (request.method === "GET") {
    response.setHeader("content-type", "text/html");
    return response.end('<!doctype html><title>Corp login</title><form method="post"><label>Who <input name="who"></label><button>Log in</button></form>');
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  const typed = new URLSearchParams(body).get("who");
  const login = { accountId: typed, amr: told(typed).tags.includes("mfa") ? ["pwd", "mfa"] : ["pwd"] };
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
});
console.log(issuer);
