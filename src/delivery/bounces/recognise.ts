/** Reports among what comes: told from the header alone, at the cost of a look at a few fields. */
import { collectHeaderValues } from '../../messages/mime/header-fields.ts'
import { newId } from '../../platform/ids.ts'
import type { NewJob } from '../../platform/jobs.ts'
import type { Arrival } from '../inbound/arrival.ts'

export type ReportKind = 'dsn' | 'arf'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** A report came to a mailbox; `holder_id` keeps its body until the job is done. */
    'bounces.take_in': { mailbox_id: string; body_id: string; holder_id: string; kind: ReportKind }
  }
}

const wanted = new Set(['content-type', 'from', 'subject', 'x-failed-recipients'])

const bounceSubject =
  /^(?:failure notice|undeliver|returned mail|mail (?:delivery|system) |delivery (?:status|failure|notification|has failed)|message (?:delivery|undeliver)|warning: message|unzustellbar|non remis|rejected:|mail could not)/i
const bounceAuthor = /mailer-daemon|postmaster|mail ?delivery|microsoftexchange/i

/** @returns what a message seems to be: what it says is looked at later, by a job. */
export function recogniseReport(arrival: Pick<Arrival, 'mailFrom' | 'message'>): ReportKind | null {
  const fields = collectHeaderValues(arrival.message.header, wanted)
  const first = (name: string): string => fields.get(name)?.[0] ?? ''
  const type = first('content-type')
  if (/^\s*multipart\/report\b/i.test(type)) return /feedback-report/i.test(type) ? 'arf' : 'dsn'
  if (/^complaint about message from/i.test(first('subject'))) return 'arf'
  if (fields.has('x-failed-recipients')) return 'dsn'
  const isFromSystem = arrival.mailFrom === '' || bounceAuthor.test(first('from'))
  return isFromSystem && bounceSubject.test(first('subject').trim()) ? 'dsn' : null
}

/** The jobs that take in what came as a report, and who holds its body for them. A login of ours reports nothing. */
export function reportJobs(arrival: Arrival, bodyId: string): { jobs: NewJob[]; holders: string[] } {
  const kind = arrival.login === null && arrival.local.length > 0 ? recogniseReport(arrival) : null
  if (kind === null) return { jobs: [], holders: [] }
  const held = arrival.local.map(({ owner }) => ({ mailboxId: owner.mailboxId, holderId: newId() }))
  return {
    jobs: held.map(({ mailboxId, holderId }) => ({
      name: 'bounces.take_in',
      payload: { mailbox_id: mailboxId, body_id: bodyId, holder_id: holderId, kind },
    })),
    holders: held.map(({ holderId }) => holderId),
  }
}
