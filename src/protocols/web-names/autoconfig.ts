/** The configuration file of Thunderbird and those that read the same (draft-ietf-mailmaint-autoconfig, format 1.1). */
import type { MailServer, MailServers } from '../../domains/mail-servers.ts'
import { element, parent, xmlText } from './xml.ts'

const socketTypes = { tls: 'SSL', starttls: 'STARTTLS' } as const satisfies Record<
  MailServer['security'],
  string
>

/** One file for a whole domain: the client puts the address in. */
export function autoconfigXml(domain: string, { imap, pop3, submission }: MailServers): string {
  const provider = [
    element('domain', domain),
    element('displayName', domain),
    element('displayShortName', domain),
    ...imap.map((server) => serverXml('incomingServer', 'imap', server)),
    ...pop3.map((server) => serverXml('incomingServer', 'pop3', server)),
    ...submission.map((server) => serverXml('outgoingServer', 'smtp', server)),
  ]
  const config = parent(
    'clientConfig',
    [parent('emailProvider', provider, `id="${xmlText(domain)}"`)],
    'version="1.1"',
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${config}\n`
}

function serverXml(name: string, type: string, { host, port, security }: MailServer): string {
  const children = [
    element('hostname', host),
    element('port', port),
    element('socketType', socketTypes[security]),
    element('authentication', 'password-cleartext'), // inside TLS
    element('username', '%EMAILADDRESS%'),
  ]
  return parent(name, children, `type="${type}"`)
}
