/**
 * Object ids of RFC 8474: our uuids behind a letter that tells the kinds apart. EMAILID is the id of the body,
 * which copies share: the same content has the same id, and no other content ever gets it (§5.1).
 */

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function emailId(bodyId: string): string {
  return `M${bodyId}`
}

export function threadId(id: string): string {
  return `T${id}`
}

/** MAILBOXID (RFC 8474 §4). */
export function mailboxId(folderId: string): string {
  return `F${folderId}`
}

/** The body or thread that an object id names; null for one that we cannot have given. */
export function idOfObject(objectId: string, letter: 'M' | 'T'): string | null {
  const id = objectId.slice(1)
  return objectId.startsWith(letter) && uuid.test(id) ? id : null
}
