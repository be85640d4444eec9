/** What a caller asks to be done with messages, read once for one message and for many: checked, resolved, locked, done. */
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import {
  type DeleteOutcome,
  deleteMessages,
  type EditOutcome,
  editMessages,
  type MessageEdit,
  requireTrash,
} from './edit-messages.ts'
import { flagBits } from './flags.ts'
import { listFoldersIn } from './folders.ts'
import { type LabelChange, requireLabels } from './labels.ts'
import { type LockedMessage, lockMessages } from './locked-messages.ts'
import { chooseFolder } from './message-list.ts'
import type { MailboxOwner } from './owner.ts'

/** As it is asked for; what is not named stays. */
export type WantedEdit = {
  seen?: boolean
  flagged?: boolean
  answered?: boolean
  labels?: readonly string[]
  add_labels?: readonly string[]
  remove_labels?: readonly string[]
  /** Its id, its path, or the word of its use. */
  folder?: string
}

export type WantedChange =
  | { kind: 'edit'; edit: WantedEdit }
  /** `permanent`: past the trash. */
  | { kind: 'delete'; permanent: boolean }

export type ChangedMessages = {
  /** What was done with each that was there. */
  outcomes: ReadonlyMap<string, EditOutcome | DeleteOutcome>
  /** Where they were before. */
  messages: readonly LockedMessage[]
  /** Of what was removed: until when it can be restored; null: it cannot be. */
  restoreUntil: Date | null
}

/**
 * Changes the messages of these ids; those that are not there are left out.
 * @param pointer of the change in the request, for what is wrong with its labels.
 * @param check looks at them before anything is done; it throws to keep it from being done.
 * @throws Refusal invalid_request, label_invalid, folder_not_found, keyword_limit_reached, and what `check` throws.
 */
export async function changeByIds(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  ids: readonly string[],
  change: WantedChange,
  { pointer = '', check }: { pointer?: string; check?: (messages: readonly LockedMessage[]) => void } = {},
): Promise<ChangedMessages> {
  if (change.kind === 'edit') {
    const edit = await resolveEdit(tx, owner, change.edit, pointer)
    const messages = await lockMessages(tx, owner.mailboxId, ids, edit.moveTo === null ? [] : [edit.moveTo])
    check?.(messages)
    const outcomes = await editMessages(platform, tx, owner, messages, edit)
    return { outcomes, messages, restoreUntil: null }
  }
  const trashId = change.permanent ? null : await requireTrash(platform, tx, owner)
  const messages = await lockMessages(tx, owner.mailboxId, ids, trashId === null ? [] : [trashId])
  check?.(messages)
  return { messages, ...(await deleteMessages(platform, tx, owner, messages, trashId)) }
}

async function resolveEdit(
  tx: Tx,
  owner: MailboxOwner,
  wanted: WantedEdit,
  pointer: string,
): Promise<MessageEdit> {
  const flags = { set: 0, clear: 0 }
  for (const flag of ['seen', 'flagged', 'answered'] as const) {
    const value = wanted[flag]
    if (value !== undefined) flags[value ? 'set' : 'clear'] |= flagBits[flag]
  }
  const labels = labelChangeOf(wanted, pointer)
  if (wanted.folder === undefined) return { flags, labels, moveTo: null }
  const folder = chooseFolder(await listFoldersIn(tx, owner.mailboxId), wanted.folder)
  return { flags, labels, moveTo: folder.id }
}

function labelChangeOf(wanted: WantedEdit, pointer: string): LabelChange | null {
  const { labels, add_labels: add = [], remove_labels: remove = [] } = wanted
  if (labels === undefined) {
    if (add.length === 0 && remove.length === 0) return null
    return {
      kind: 'edit',
      add: requireLabels(add, `${pointer}/add_labels`),
      remove: requireLabels(remove, `${pointer}/remove_labels`),
    }
  }
  if (add.length > 0 || remove.length > 0) {
    const detail = 'says what all labels are: add_labels and remove_labels do not go with it'
    throw new Refusal('invalid_request', undefined, { fields: [{ pointer: `${pointer}/labels`, detail }] })
  }
  return { kind: 'replace', labels: requireLabels(labels, `${pointer}/labels`) }
}
