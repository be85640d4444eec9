/** SRV records by which clients find the mail services of a domain (RFC 6186, RFC 8314 §5.1). */
import type { DesiredRecord, PlanConfig, PlanDomain } from './record.ts'

/** TLS from the first byte is preferred (RFC 8314 §3): a lower priority is tried first. */
const preferred = 0
const second = 10
const weight = 1

export function serviceRecords(config: PlanConfig, { name }: PlanDomain): DesiredRecord[] {
  const services: [service: string, port: number | null, priority: number][] = [
    ['_submissions', config.submissionsPort, preferred],
    ['_submission', config.submissionPort, second],
    ['_imaps', config.imapsPort, preferred],
    ['_imap', config.imapPort, second],
    ['_pop3s', config.pop3sPort, preferred],
    ['_pop3', config.pop3Port, second],
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
