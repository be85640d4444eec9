/** SRV records by which clients find the mail services of a domain (RFC 6186, RFC 8314 §5.1). */
import type { clientListeners } from '../../platform/config-schema.ts'
import type { Port } from '../../platform/config-settings.ts'
import type { DesiredRecord, PlanConfig, PlanDomain } from './record.ts'

/** TLS from the first byte is preferred (RFC 8314 §3): a lower priority is tried first. */
const preferred = 0
const second = 10
const weight = 1

export function serviceRecords(config: PlanConfig, { name }: PlanDomain): DesiredRecord[] {
  // What the outside reaches, where that is not the listener's own (mail-servers.ts).
  const offered = (listener: (typeof clientListeners)[number], own: Port): Port => {
    const given = config.publicPorts.get(listener)
    return given === undefined ? own : given
  }
  const services: [service: string, port: Port, priority: number][] = [
    ['_submissions', offered('submissions', config.submissionsPort), preferred],
    ['_submission', offered('submission', config.submissionPort), second],
    ['_imaps', offered('imaps', config.imapsPort), preferred],
    ['_imap', offered('imap', config.imapPort), second],
    ['_pop3s', offered('pop3s', config.pop3sPort), preferred],
    ['_pop3', offered('pop3', config.pop3Port), second],
  ]
  const hostname = config.hostname.toLowerCase()
  return services.map(([service, port, priority]) => ({
    purpose: 'srv',
    type: 'SRV',
    name: `${service}._tcp.${name}`,
    // RFC 6186 §3.4: the target "." says that there is no such service.
    value: port === null ? '0 0 0 .' : `${priority} ${weight} ${port} ${hostname}`,
    level: 'optional',
  }))
}
