/** Autodiscover as Outlook asks for it: "plain old XML" (MS-OXDSCLI), and the JSON that says where that is. */
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { MailServer, MailServers } from '../../domains/mail-servers.ts'
import { element, parent } from './xml.ts'

const responseSchema = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'
const outlookSchema = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a'

export type AutodiscoverRequest = {
  /** As it was written. */
  address: string
  /** Whether the answer may be of Outlook's schema, the one that there is; ActiveSync has another. */
  wantsOutlook: boolean
}

const parser = new XMLParser({
  ignoreAttributes: true,
  removeNSPrefix: true,
  parseTagValue: false, // an address of digits is a text
  processEntities: false, // no document type of a stranger is expanded
  trimValues: true,
})

/** @returns null for what is no such request (MS-OXDSCLI §2.2.3). */
export function parseAutodiscoverRequest(xml: string): AutodiscoverRequest | null {
  if (/<!doctype/i.test(xml) || XMLValidator.validate(xml) !== true) return null
  const request = member(member(parser.parse(xml), 'Autodiscover'), 'Request')
  const address = member(request, 'EMailAddress')
  const schema = member(request, 'AcceptableResponseSchema')
  if (typeof address !== 'string' || address === '') return null
  return { address: decoded(address), wantsOutlook: schema === outlookSchema || schema === undefined }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function decoded(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (whole, name: string) => entities[name] ?? whole)
}

/** The settings of an address, whether or not there is such a mailbox. */
export function autodiscoverXml(address: string, { imap, pop3, submission }: MailServers): string {
  const account = [
    element('AccountType', 'email'),
    element('Action', 'settings'),
    ...imap.slice(0, 1).map((server) => protocolXml('IMAP', address, server)),
    ...pop3.slice(0, 1).map((server) => protocolXml('POP3', address, server)),
    ...submission
      .slice(0, 1)
      .map((server) =>
        protocolXml('SMTP', address, server, [element('UsePOPAuth', 'off'), element('SMTPLast', 'off')]),
      ),
  ]
  const user = parent('User', [element('DisplayName', address), element('AutoDiscoverSMTPAddress', address)])
  return documentOf(parent('Response', [user, parent('Account', account)], `xmlns="${outlookSchema}"`))
}

function protocolXml(
  type: string,
  address: string,
  { host, port, security }: MailServer,
  more: readonly string[] = [],
): string {
  return parent('Protocol', [
    element('Type', type),
    element('Server', host),
    element('Port', port),
    element('DomainRequired', 'off'),
    element('LoginName', address),
    element('SPA', 'off'),
    element('SSL', 'on'),
    element('Encryption', security === 'tls' ? 'SSL' : 'TLS'),
    element('AuthRequired', 'on'),
    ...more,
  ])
}

const errorTexts = {
  500: 'The email address cannot be found.',
  600: 'Invalid Request',
  601: 'Provider is not available',
} as const

/** MS-OXDSCLI §2.2.4.1.1.2: 500 an address that is not of here, 600 no request, 601 a schema that there is not. */
export function autodiscoverError(code: keyof typeof errorTexts, now: Date): string {
  const error = parent(
    'Error',
    [element('ErrorCode', code), element('Message', errorTexts[code]), '<DebugData/>'],
    `Time="${now.toISOString().slice(11, 23)}" Id="0"`,
  )
  return documentOf(parent('Response', [error]))
}

function documentOf(response: string): string {
  const whole = parent('Autodiscover', [response], `xmlns="${responseSchema}"`)
  return `<?xml version="1.0" encoding="utf-8"?>\n${whole}\n`
}
