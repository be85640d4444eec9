/** What a setting of a domain may be, beyond the form that a face has checked. */
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import type { Domain } from './domains.ts'
import { parseDomainName } from './names.ts'
import type { Product } from './products.ts'
import type { DmarcPolicy, DnsMode, MtaStsMode } from './tables.ts'

export type Redirect = { url: string; status: 301 | 302; keepsPath: boolean }

/** What is left out stays as it is. */
export type SettingsChanges = {
  dnsMode?: DnsMode
  dmarcPolicy?: DmarcPolicy
  dmarcReportAddress?: string | null
  mtaStsMode?: MtaStsMode
  bimiLogoUrl?: string | null
  redirect?: Redirect | null
  product?: Product | null
}

const urlLengthMax = 2000
const addressLengthMax = 254 // RFC 5321 §4.5.3.1.3, without the angle brackets
const localPartLengthMax = 64

/** @throws Refusal domain_settings_invalid, with all that is wrong. */
export function checkSettings(domain: Pick<Domain, 'name'>, changes: SettingsChanges): void {
  const { bimiLogoUrl, dmarcReportAddress, redirect } = changes
  const problems = [
    ...(typeof bimiLogoUrl === 'string' ? urlProblem('/bimi_logo_url', bimiLogoUrl) : []),
    ...(typeof dmarcReportAddress === 'string' ? addressProblem(dmarcReportAddress) : []),
    ...(redirect ? redirectProblem(domain, redirect.url) : []),
  ]
  if (problems.length > 0) {
    throw new Refusal('domain_settings_invalid', problems[0]?.detail, { fields: problems })
  }
}

function urlProblem(pointer: string, text: string): FieldProblem[] {
  if (text.length > urlLengthMax || !/^[!-~]+$/.test(text) || !URL.canParse(text)) {
    return [{ pointer, detail: `It must be a URL of at most ${urlLengthMax} ASCII characters.` }]
  }
  const { protocol, username, password, hash, hostname } = new URL(text)
  if (protocol !== 'https:') return [{ pointer, detail: 'It must begin with https://.' }]
  if (username !== '' || password !== '')
    return [{ pointer, detail: 'It must have no user and no password.' }]
  if (hash !== '') return [{ pointer, detail: 'It must have no fragment.' }]
  if (parseDomainName(hostname) === null) return [{ pointer, detail: 'Its host must be a domain name.' }]
  return []
}

function redirectProblem({ name }: Pick<Domain, 'name'>, url: string): FieldProblem[] {
  const pointer = '/redirect/url'
  const problems = urlProblem(pointer, url)
  if (problems.length > 0) return problems
  const host = new URL(url).hostname.replace(/\.$/, '')
  return host === name || host === `www.${name}`
    ? [{ pointer, detail: 'It leads back to the domain that is redirected.' }]
    : []
}

const dotString = /^[\w#$%&'*+/=?^`{|}~-]+(\.[\w#$%&'*+/=?^`{|}~-]+)*$/

/** It becomes part of a URI in a tag list (RFC 9989 §4.7): quoted local parts, `!` and `,` are not worth their trouble. */
function addressProblem(address: string): FieldProblem[] {
  const at = address.lastIndexOf('@')
  const localPart = address.slice(0, at)
  const isAddress =
    at > 0 &&
    address.length <= addressLengthMax &&
    localPart.length <= localPartLengthMax &&
    dotString.test(localPart) &&
    /^[\w.-]+$/.test(address.slice(at + 1)) &&
    parseDomainName(address.slice(at + 1)) !== null
  return isAddress ? [] : [{ pointer: '/dmarc_report_address', detail: 'It must be an e-mail address.' }]
}
