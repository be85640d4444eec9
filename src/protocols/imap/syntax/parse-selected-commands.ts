/** Arguments of STORE, COPY, MOVE and UID EXPUNGE: RFC 9051 §6.4, RFC 7162 UNCHANGEDSINCE. */
import type { CommandOf } from './commands.ts'
import { readFlagListOrFlags } from './flags.ts'
import type { Reader } from './reader.ts'
import { readSequenceSet } from './sequence-set.ts'

const storePattern = /([+-]?)FLAGS(\.SILENT)?(?= )/iy

/** "STORE" SP sequence-set [SP "(" "UNCHANGEDSINCE" SP mod-sequence ")"] SP store-att-flags */
export function parseStore(reader: Reader, uid: boolean): Omit<CommandOf<'STORE'>, 'tag'> {
  reader.space()
  const set = readSequenceSet(reader)
  reader.space()
  const unchangedSince = reader.peek() === '(' ? readUnchangedSince(reader) : null
  const [, sign = '', silent] = reader.match(storePattern) ?? reader.fail('Expected FLAGS')
  reader.space()
  return {
    name: 'STORE',
    uid,
    set,
    unchangedSince,
    change: sign === '+' ? 'add' : sign === '-' ? 'remove' : 'replace',
    silent: silent !== undefined,
    flags: readFlagListOrFlags(reader),
  }
}

function readUnchangedSince(reader: Reader): bigint {
  reader.expect('(')
  if (!reader.skipWord('UNCHANGEDSINCE')) reader.fail('Unknown STORE modifier')
  reader.space()
  const modSeq = reader.modSeq()
  reader.expect(')')
  reader.space()
  return modSeq
}

export function parseCopyOrMove<Name extends 'COPY' | 'MOVE'>(reader: Reader, name: Name, uid: boolean) {
  reader.space()
  const set = readSequenceSet(reader)
  reader.space()
  return { name, uid, set, mailbox: reader.mailbox() }
}

/** RFC 4315 §2.1. */
export function parseUidExpunge(reader: Reader) {
  reader.space()
  return { name: 'EXPUNGE', uid: true, set: readSequenceSet(reader) } as const
}
