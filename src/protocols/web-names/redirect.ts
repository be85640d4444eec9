/** Browsers that come to a domain or its `www` are sent to where its owner says. */
import { parseDomainName } from '../../domains/names.ts'
import { findWebName, type WebDomain } from '../../domains/web-names.ts'
import type { Platform } from '../../platform/platform.ts'
import { webLimits } from './limits.ts'
import { notFound, refuseMethod, textAnswer, type WebAnswer, type WebRequest } from './web-answer.ts'

export async function answerRedirect(
  platform: Platform,
  request: WebRequest,
  domain: WebDomain,
): Promise<WebAnswer> {
  const to = targetOf(domain)
  if (to === null) return notFound
  const refusal = refuseMethod(request.method, 'GET', 'HEAD')
  if (refusal) return refusal
  if (await comesBack(platform, request.host, to)) {
    return textAnswer(508, 'The redirect of this domain leads back to itself.')
  }
  const location = domain.redirect_keeps_path ? withPath(to, request) : to.href
  return textAnswer(domain.redirect_status, location, {
    location,
    ...(domain.redirect_status === 301
      ? { 'cache-control': `max-age=${webLimits.redirectMaxAgeSeconds}` }
      : { 'cache-control': 'no-store' }),
  })
}

function targetOf({ redirect_url: url }: WebDomain): URL | null {
  const to = url === null ? null : URL.parse(url)
  if (to === null || (to.protocol !== 'https:' && to.protocol !== 'http:')) return null
  to.username = ''
  to.password = ''
  return to
}

/** The request's path goes behind the target's own; it begins with a slash, so that it cannot reach into the host. */
function withPath(to: URL, { path, query }: WebRequest): string {
  const joined = `${to.pathname.replace(/\/$/, '')}${path === '*' ? '/' : path}`
  const queries = [to.search, query].map((one) => one.replace(/^\?/, '')).filter((one) => one !== '')
  return `${to.origin}${joined}${queries.length === 0 ? '' : `?${queries.join('&')}`}${to.hash}`
}

/** Whether the target, or what our own redirects make of it, is a host that was seen on the way. */
async function comesBack(platform: Platform, host: string, first: URL): Promise<boolean> {
  const seen = new Set([host])
  for (let to: URL | null = first, hop = 0; to !== null && hop < webLimits.hopsMax; hop++) {
    if (to.port !== '') return false // not a listener of web names
    const next = to.hostname.replace(/\.$/, '')
    if (seen.has(next)) return true
    seen.add(next)
    const name = parseDomainName(next)
    const found = name && (await findWebName(platform, name))
    to = found && (found.role === 'domain' || found.role === 'www') ? targetOf(found.domain) : null
  }
  return false
}
