/**
 * Taking in reports that reach a domain's report addresses. The message is kept, without a mailbox, until a job has read
 * it: a report never becomes mail, and a broken one leaves an event with the reason.
 */
import { sql } from 'kysely'
import { readBodyBytes } from '../../messages/bodies.ts'
import type { MimePart } from '../../messages/mime/structure.ts'
import { createTransferDecoder } from '../../messages/mime/transfer-decoder.ts'
import { releaseBodies } from '../../messages/sweep.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { NewJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { parseDmarcReport } from './dmarc-report.ts'
import { reportLimits } from './limits.ts'
import { type ReportedDomain, type StoreResult, storeDmarcReport, storeTlsReport } from './store.ts'
import { parseTlsReport } from './tls-report.ts'
import { ReportRefused, unpackReport } from './unpack.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'reports.take_in': { body_id: string; holder_id: string; domain_id: string }
  }
}

/** What an arrival for report addresses needs: holds on its body, and the jobs that read it. */
export function reportIntakes(
  bodyId: string,
  recipients: readonly { domainId: string }[],
): { holders: string[]; jobs: NewJob[] } {
  const intakes = [...new Set(recipients.map(({ domainId }) => domainId))].map((domainId) => ({
    body_id: bodyId,
    holder_id: newId(),
    domain_id: domainId,
  }))
  return {
    holders: intakes.map(({ holder_id: holderId }) => holderId),
    jobs: intakes.map((payload) => ({ name: 'reports.take_in', payload })),
  }
}

/** Reads the report in a body, stores it and lets go of the body. A body that is gone was taken in already. */
export async function takeInReport(
  platform: Platform,
  job: { bodyId: string; holderId: string; domainId: string },
): Promise<void> {
  const domain = await findDomain(platform, job.domainId)
  const structure = await platform.db
    .selectFrom('bodies')
    .select('structure')
    .where('id', '=', job.bodyId)
    .executeTakeFirst()
  if (structure === undefined) return
  const outcome = domain === null ? null : await readReport(platform, job.bodyId, structure.structure)
  await transaction(platform.db, async (tx) => {
    if (domain !== null && outcome !== null) await keep(platform, tx, domain, outcome)
    await releaseBodies([job.holderId], platform.clock.now()).execute(tx)
  })
}

type Outcome = ((platform: Platform, tx: Tx, domain: ReportedDomain) => Promise<StoreResult>) | ReportRefused

async function keep(platform: Platform, tx: Tx, domain: ReportedDomain, outcome: Outcome): Promise<void> {
  const result = outcome instanceof ReportRefused ? outcome.message : await outcome(platform, tx, domain)
  if (result === 'stored' || result === 'repeated') return
  await appendEvents(platform, tx, [
    {
      type: 'report.refused',
      organizationId: domain.organizationId,
      workspaceId: domain.workspaceId,
      data: {
        domain_id: domain.domainId,
        reason: result === 'foreign' ? 'the report is about another domain' : result,
      },
    },
  ])
}

async function readReport(platform: Platform, bodyId: string, root: MimePart): Promise<Outcome> {
  try {
    for (const part of leavesOf(root).slice(0, reportLimits.partsMax)) {
      const kind = kindOf(part)
      if (kind === null) continue
      const text = await unpackReport(await decodedPart(platform, bodyId, part))
      if (kind === 'json' || text.trimStart().startsWith('{')) {
        const report = parseTlsReport(text)
        return (given, tx, domain) => storeTlsReport(given, tx, domain, report)
      }
      const report = parseDmarcReport(text)
      return (given, tx, domain) => storeDmarcReport(given, tx, domain, report)
    }
    return new ReportRefused('the message has no report in it')
  } catch (error) {
    if (error instanceof ReportRefused) return error
    throw error
  }
}

function leavesOf(part: MimePart): MimePart[] {
  return part.parts === undefined ? [part] : part.parts.flatMap(leavesOf)
}

/** By type or by file name: senders call a gzip everything from application/gzip to application/octet-stream. */
function kindOf(part: MimePart): 'json' | 'xml' | 'packed' | null {
  const type = `${part.type}/${part.subtype}`.toLowerCase()
  if (type.startsWith('multipart/')) return null
  const named = [...(part.disposition?.params ?? []), ...(part.params ?? [])]
  const name = named.find(([key]) => /^(file)?name$/i.test(key))?.[1]?.toLowerCase() ?? ''
  if (type === 'application/tlsrpt+json' || name.endsWith('.json')) return 'json'
  if (type === 'text/xml' || type === 'application/xml' || name.endsWith('.xml')) return 'xml'
  return /\.(gz|zip)$/.test(name) || /(zip|gzip)/.test(type) ? 'packed' : null
}

async function decodedPart(platform: Platform, bodyId: string, part: MimePart): Promise<Buffer> {
  const encoded = part.end - part.bodyStart
  if (encoded > reportLimits.packedBytesMax * 2) throw new ReportRefused('the report is too large')
  const decoder = createTransferDecoder(part.encoding)
  if (decoder === null) throw new ReportRefused('the transfer encoding is not known')
  const raw = await readBodyBytes(platform.db, bodyId, { start: part.bodyStart, end: part.end })
  return Buffer.concat([decoder.write(raw), decoder.end()])
}

async function findDomain(platform: Platform, domainId: string): Promise<ReportedDomain | null> {
  const { rows } = await sql<ReportedDomain>`
    select organization_id as "organizationId", workspace_id as "workspaceId", id as "domainId", name
    from domains where id = ${domainId}::uuid and state <> 'deleted'`.execute(platform.db)
  return rows[0] ?? null
}
