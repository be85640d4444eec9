/**
 * A configuration profile for the mail of iPhones, iPads and Macs. It is not signed: devices show it as such, and ask
 * before they take it. The password is typed on the device.
 */
import { createHash } from 'node:crypto'
import type { MailServers } from '../../domains/mail-servers.ts'
import { element, parent } from './xml.ts'

export type MailAccount = { address: string; domain: string }

/** @returns null where there is no pair of servers to set up. */
export function mobileconfig({ address, domain }: MailAccount, servers: MailServers): string | null {
  const incoming = servers.imap[0] ?? servers.pop3[0]
  const outgoing = servers.submission[0]
  if (!incoming || !outgoing) return null
  const identifier = `${domain.split('.').toReversed().join('.')}.mail`
  const mail = dict({
    PayloadType: 'com.apple.mail.managed',
    PayloadVersion: 1,
    PayloadIdentifier: `${identifier}.${uuidOf(`account ${address}`)}`,
    PayloadUUID: uuidOf(`account ${address}`),
    PayloadDisplayName: address,
    EmailAccountType: servers.imap[0] ? 'EmailTypeIMAP' : 'EmailTypePOP',
    EmailAccountDescription: address,
    EmailAddress: address,
    IncomingMailServerAuthentication: 'EmailAuthPassword',
    IncomingMailServerHostName: incoming.host,
    IncomingMailServerPortNumber: incoming.port,
    IncomingMailServerUseSSL: true, // from the first byte or by STARTTLS, as the port has it
    IncomingMailServerUsername: address,
    OutgoingMailServerAuthentication: 'EmailAuthPassword',
    OutgoingMailServerHostName: outgoing.host,
    OutgoingMailServerPortNumber: outgoing.port,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerUsername: address,
    OutgoingPasswordSameAsIncomingPassword: true,
  })
  const profile = dict({
    PayloadType: 'Configuration',
    PayloadVersion: 1,
    PayloadIdentifier: `${identifier}.profile.${uuidOf(`profile ${address}`)}`,
    PayloadUUID: uuidOf(`profile ${address}`),
    PayloadDisplayName: address,
    PayloadOrganization: domain,
    PayloadRemovalDisallowed: false,
    PayloadContent: [mail],
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    parent('plist', [profile], 'version="1.0"'),
    '',
  ].join('\n')
}

/** Values; an array holds dictionaries that are written already. */
type Plist = Readonly<Record<string, string | number | boolean | readonly string[]>>

function dict(values: Plist): string {
  const entries = Object.entries(values).map(([key, value]) => `${element('key', key)}${valueXml(value)}`)
  return parent('dict', entries)
}

function valueXml(value: Plist[string]): string {
  if (typeof value === 'boolean') return value ? '<true/>' : '<false/>'
  if (typeof value === 'number') return element('integer', value)
  return typeof value === 'string' ? element('string', value) : parent('array', value)
}

/** The same profile for the same address, so that a second one takes the place of the first. RFC 9562 §5.8. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    .toUpperCase()
}
