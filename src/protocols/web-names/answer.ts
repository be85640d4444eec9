/** Which of a domain's web names is asked for what, and the answer. */
import { challengePath, findChallenge } from '../../domains/certificates/challenges.ts'
import { mailServers } from '../../domains/mail-servers.ts'
import { mtaStsPolicy } from '../../domains/mta-sts.ts'
import { findWebName, type WebDomain, type WebName } from '../../domains/web-names.ts'
import { type Address, parseAddress } from '../../mailboxes/address.ts'
import type { Platform } from '../../platform/platform.ts'
import { autoconfigXml } from './autoconfig.ts'
import { autodiscoverError, autodiscoverXml, parseAutodiscoverRequest } from './autodiscover.ts'
import { mobileconfig } from './mobileconfig.ts'
import { answerRedirect } from './redirect.ts'
import { notFound, refuseMethod, textAnswer, type WebAnswer, type WebRequest } from './web-answer.ts'

/** @returns null when the host is no web name of a domain, and the path none that the platform's own name answers. */
export async function answerWebName(platform: Platform, request: WebRequest): Promise<WebAnswer | null> {
  if (isOwnName(platform, request.host)) {
    const page = clientPages[request.path.toLowerCase()]
    return page ? await page(platform, request, null) : null
  }
  const found = request.name && (await findWebName(platform, request.name))
  return found ? await answerFor(platform, request, found) : null
}

/** HTTP-01 (RFC 8555 §8.3), before whatever else a name is for. */
export async function answerChallenge(
  platform: Platform,
  { method, path }: Pick<WebRequest, 'method' | 'path'>,
): Promise<WebAnswer> {
  const refusal = refuseMethod(method, 'GET', 'HEAD')
  if (refusal) return refusal
  const found = await findChallenge(platform, path.slice(challengePath.length))
  if (found === null) return notFound
  return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: found }
}

/** The names that the operator has given the platform never become a customer's. */
function isOwnName({ config: { hostname, publicUrl } }: Platform, host: string): boolean {
  return host === hostname.toLowerCase() || (publicUrl !== null && host === new URL(publicUrl).hostname)
}

async function answerFor(
  platform: Platform,
  request: WebRequest,
  { role, domain }: WebName,
): Promise<WebAnswer> {
  if (request.path.startsWith(challengePath)) return await answerChallenge(platform, request)
  const path = request.path.toLowerCase()
  switch (role) {
    case 'mta-sts':
      return request.path === '/.well-known/mta-sts.txt' ? answerPolicy(platform, request, domain) : notFound
    case 'autoconfig':
    case 'autodiscover':
      return (await clientPages[path]?.(platform, request, domain)) ?? notFound
    case 'domain':
    case 'www':
      // Clients ask the domain itself before or after those names.
      return path !== mobileconfigPath && role === 'domain' && clientPages[path]
        ? await clientPages[path](platform, request, domain)
        : await answerRedirect(platform, request, domain)
  }
}

/** RFC 8461 §3.3: over HTTPS only. */
function answerPolicy(platform: Platform, request: WebRequest, domain: WebDomain): WebAnswer {
  const policy = request.transport === 'clear' ? null : mtaStsPolicy(platform.config, domain)
  if (policy === null) return notFound
  return (
    refuseMethod(request.method, 'GET', 'HEAD') ?? {
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: policy.text,
    }
  )
}

/** @param domain of the host; null: the host is the platform's own name, and the address says which domain is meant. */
type ClientPage = (platform: Platform, request: WebRequest, domain: WebDomain | null) => Promise<WebAnswer>

const mobileconfigPath = '/apple.mobileconfig'

/** By path in lower case: Outlook writes it in more than one way. */
const clientPages: Readonly<Record<string, ClientPage>> = {
  '/mail/config-v1.1.xml': answerAutoconfig,
  '/.well-known/autoconfig/mail/config-v1.1.xml': answerAutoconfig,
  '/autodiscover/autodiscover.xml': answerAutodiscover,
  '/autodiscover/autodiscover.json': answerAutodiscoverJson,
  [mobileconfigPath]: answerMobileconfig,
}

async function answerAutoconfig(
  platform: Platform,
  request: WebRequest,
  domain: WebDomain | null,
): Promise<WebAnswer> {
  const refusal = refuseMethod(request.method, 'GET', 'HEAD')
  if (refusal) return refusal
  const name =
    domain?.name ?? (await addressOfHere(platform, null, parameter(request, 'emailaddress')))?.domain
  if (name === undefined) return notFound
  return xmlAnswer('application/xml', autoconfigXml(name, mailServers(platform)))
}

async function answerAutodiscover(
  platform: Platform,
  request: WebRequest,
  domain: WebDomain | null,
): Promise<WebAnswer> {
  // Outlook asks in the clear without a word of whom it asks for, and follows one redirect.
  // The domain's own name may have no certificate.
  const host = domain !== null && request.name === domain.name ? `autodiscover.${domain.name}` : request.host
  const secured = sendToTls(platform, { ...request, host })
  if (secured) return secured
  const refusal = refuseMethod(request.method, 'POST')
  if (refusal) return refusal
  const failure = (code: 500 | 600 | 601): WebAnswer =>
    xmlAnswer('text/xml', autodiscoverError(code, platform.clock.now()))
  const asked = parseAutodiscoverRequest(await request.readBody())
  if (asked === null) return failure(600)
  if (!asked.wantsOutlook) return failure(601)
  const address = await addressOfHere(platform, domain, asked.address)
  if (address === null) return failure(500)
  return xmlAnswer('text/xml', autodiscoverXml(address.address, mailServers(platform)))
}

/** The way to the XML, which is the only protocol that this platform has for it. */
async function answerAutodiscoverJson(
  _platform: Platform,
  request: WebRequest,
  _domain: WebDomain | null,
): Promise<WebAnswer> {
  const refusal = refuseMethod(request.method, 'GET', 'HEAD')
  if (refusal) return refusal
  const isKnown = parameter(request, 'protocol')?.toLowerCase() === 'autodiscoverv1'
  return {
    status: isKnown ? 200 : 404,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(
      isKnown
        ? { Protocol: 'AutodiscoverV1', Url: `https://${request.host}/autodiscover/autodiscover.xml` }
        : { ErrorCode: 'ProtocolNotSupported', ErrorMessage: 'The supported protocol is AutodiscoverV1.' },
    ),
  }
}

async function answerMobileconfig(
  platform: Platform,
  request: WebRequest,
  domain: WebDomain | null,
): Promise<WebAnswer> {
  const refusal = refuseMethod(request.method, 'GET', 'HEAD')
  if (refusal) return refusal
  const secured = sendToTls(platform, request)
  if (secured) return secured
  const text = parameter(request, 'address')
  if (text === null) return textAnswer(400, 'Put ?address= and a mail address behind it.')
  const address = await addressOfHere(platform, domain, text)
  const profile = address && mobileconfig(address, mailServers(platform))
  if (!profile) return notFound
  const answer = xmlAnswer('application/x-apple-aspen-config', profile)
  return {
    ...answer,
    headers: { ...answer.headers, 'content-disposition': 'attachment; filename="mail.mobileconfig"' },
  }
}

/** To the same address over TLS, where we listen for it; null: the request came that way, or there is none. */
function sendToTls({ ports }: Platform, { transport, host, path, query }: WebRequest): WebAnswer | null {
  if (transport !== 'clear' || ports.https === null) return null
  const location = `https://${host}${path}${query}`
  return textAnswer(302, location, { location, 'cache-control': 'no-store' })
}

/** An address of the domain, or of any active domain where none is given; whether it has a mailbox is not asked. */
async function addressOfHere(
  platform: Platform,
  domain: WebDomain | null,
  text: string | null,
): Promise<Address | null> {
  const parsed = text === null ? null : parseAddress(text)
  if (!parsed?.ok) return null
  const { value } = parsed
  if (domain !== null) return value.domain === domain.name ? value : null
  const found = await findWebName(platform, value.domain)
  return found?.domain.name === value.domain ? value : null
}

/** A parameter of the query, whatever the case of its name. */
function parameter({ query }: WebRequest, name: string): string | null {
  for (const [key, value] of new URLSearchParams(query)) if (key.toLowerCase() === name) return value
  return null
}

function xmlAnswer(mediaType: string, body: string): WebAnswer {
  return {
    status: 200,
    headers: { 'content-type': `${mediaType}; charset=utf-8`, 'cache-control': 'no-store' },
    body,
  }
}
