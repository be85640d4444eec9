/** Where mail clients connect: the one answer for credentials, autoconfig, autodiscover and Apple's profiles. */
import type { clientListeners } from '../platform/config-schema.ts'
import type { Platform } from '../platform/platform.ts'
import { hasRealCertificate } from './certificates/host-names.ts'

export type MailServer = { host: string; port: number; security: 'tls' | 'starttls' }

/** Of each protocol what is offered, first choice first; empty where there is none. */
export type MailServers = { imap: MailServer[]; pop3: MailServer[]; submission: MailServer[] }

/**
 * With a real certificate implicit TLS comes first (RFC 8314 §3); with the generated one STARTTLS, because on loopback
 * clients may then go without. The ports are those of MAILWRIGHT_PUBLIC_PORTS, else the listeners' own.
 */
export function mailServers({ config, ports }: Pick<Platform, 'config' | 'ports'>): MailServers {
  const prefersTls = hasRealCertificate(config)
  const offered = (
    listener: (typeof clientListeners)[number],
    security: MailServer['security'],
  ): MailServer[] => {
    const given = config.publicPorts.get(listener)
    const port = given === undefined ? ports[listener] : given
    return port === null ? [] : [{ host: config.hostname, port, security }]
  }
  const both = (tls: MailServer[], upgraded: MailServer[]): MailServer[] =>
    prefersTls ? [...tls, ...upgraded] : [...upgraded, ...tls]
  return {
    imap: both(offered('imaps', 'tls'), offered('imap', 'starttls')),
    pop3: both(offered('pop3s', 'tls'), offered('pop3', 'starttls')),
    submission: both(offered('submissions', 'tls'), offered('submission', 'starttls')),
  }
}
