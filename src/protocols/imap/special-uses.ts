/** The special uses of folders as attributes, RFC 6154 §2. */
import type { SpecialUse } from '../../messages/tables.ts'

const attributes: Record<Exclude<SpecialUse, 'inbox'>, string> = {
  archive: '\\Archive',
  drafts: '\\Drafts',
  junk: '\\Junk',
  sent: '\\Sent',
  trash: '\\Trash',
}

const useByAttribute = new Map<string, SpecialUse>([
  [attributes.archive, 'archive'],
  [attributes.drafts, 'drafts'],
  [attributes.junk, 'junk'],
  [attributes.sent, 'sent'],
  [attributes.trash, 'trash'],
])

/** null for a folder without one; INBOX is told by its name. */
export function attributeOf(use: SpecialUse | null): string | null {
  return use === null || use === 'inbox' ? null : attributes[use]
}

/** null for a use that folders cannot have here. */
export function specialUseOf(attribute: string): SpecialUse | null {
  return useByAttribute.get(attribute) ?? null
}
