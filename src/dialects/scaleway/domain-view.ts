/** A domain as this API shows it. */
import { type Static, Type } from 'typebox'
import { mailServers } from '../../domains/mail-servers.ts'
import type { CountedDomain } from '../../mailboxes/domain-pages.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { Id, Moment } from './schemas.ts'
import { type DomainStatus, domainStatuses, statusOfDomain } from './states.ts'
import { microseconds } from './times.ts'

export const DomainView = Type.Object(
  {
    id: Id,
    project_id: Type.String({ format: 'uuid', description: 'The workspace.' }),
    organization_id: Type.String({ description: 'Always empty.' }),
    name: Type.String(),
    status: OneOf(domainStatuses),
    mailbox_total_count: Type.Integer({ description: 'Those whose deletion is scheduled count.' }),
    created_at: Moment,
    updated_at: Moment,
    webmail_url: Type.String({ description: 'Where this server is reached over HTTP.' }),
    imap_url: Type.String({ description: 'A host name; empty where the protocol is not served.' }),
    pop3_url: Type.String({ description: 'The same.' }),
    smtp_url: Type.String({ description: 'The same.' }),
  },
  { title: 'Domain' },
)

export function domainView(
  platform: Platform,
  domain: CountedDomain,
  status: DomainStatus = statusOfDomain(domain),
): Static<typeof DomainView> {
  const { publicUrl, hostname } = platform.config
  const { imap, pop3, submission } = mailServers(platform)
  return {
    id: domain.id,
    project_id: domain.workspace_id,
    organization_id: '',
    name: domain.name,
    status,
    mailbox_total_count: domain.mailbox_count,
    created_at: microseconds(domain.created_at),
    updated_at: microseconds(domain.updated_at),
    webmail_url: publicUrl === null ? `https://${hostname}` : String(publicUrl).replace(/\/$/, ''),
    imap_url: imap[0]?.host ?? '',
    pop3_url: pop3[0]?.host ?? '',
    smtp_url: submission[0]?.host ?? '',
  }
}
