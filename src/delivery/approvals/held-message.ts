/** A held message as it would go: who it is from and for, its texts, its attachments. */

import { type Attachment, attachmentsOf, readContent } from '../../messages/content/read-content.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import type { Envelope, EnvelopeAddress } from '../../messages/mime/envelope.ts'
import type { MimePart } from '../../messages/mime/structure.ts'
import type { Db } from '../../platform/database.ts'
import type { Person } from '../submission/compose.ts'
import { peopleOf } from '../submission/original.ts'

export type HeldContent = {
  from: Person[]
  to: Person[]
  cc: Person[]
  /** Recipients that no field names. */
  bcc: Person[]
  subject: string
  text: string | null
  html: string | null
  isTruncated: boolean
  attachments: Attachment[]
  envelope: Envelope
  structure: MimePart
}

/** @param recipients of the envelope. @returns null when the body is gone. */
export async function readHeld(
  db: Db,
  bodyId: string,
  recipients: readonly string[],
): Promise<HeldContent | null> {
  const row = await db
    .selectFrom('bodies')
    .select(['envelope', 'structure'])
    .where('id', '=', bodyId)
    .executeTakeFirst()
  if (row === undefined) return null
  const { envelope, structure } = row
  const { to, cc } = { to: peopleOf(envelope.to), cc: peopleOf(envelope.cc) }
  return {
    from: peopleOf(envelope.from),
    to,
    cc,
    bcc: unnamed(recipients, [...to, ...cc]),
    subject: decodeHeaderText(envelope.subject ?? ''),
    ...(await readContent(db, bodyId, structure)),
    attachments: attachmentsOf(structure),
    envelope,
    structure,
  }
}

/** Who gets a message, by the fields that name them; in these others may stand, who do not get it. */
export function addresseesOf(
  envelope: Pick<Envelope, 'to' | 'cc'>,
  recipients: readonly string[],
): Pick<HeldContent, 'to' | 'cc' | 'bcc'> {
  const wanted = new Set(recipients)
  const those = (list: readonly EnvelopeAddress[]) =>
    peopleOf(list).filter(({ address }) => wanted.has(address))
  const [to, cc] = [those(envelope.to), those(envelope.cc)]
  return { to, cc, bcc: unnamed(recipients, [...to, ...cc]) }
}

function unnamed(recipients: readonly string[], people: readonly Person[]): Person[] {
  const named = new Set(people.map(({ address }) => address))
  return recipients.filter((address) => !named.has(address)).map((address) => ({ address, name: null }))
}
