/** What is signed or encrypted is so as it stands: made of its parts again it would be something else. */
import type { MimePart } from '../../messages/mime/structure.ts'

/** Whether any part is signed or encrypted (RFC 1847 §2; RFC 8551 §3.2 for what has no multipart around it). */
export function isProtected({ type, subtype, parts }: MimePart): boolean {
  if (type === 'application') return /^(?:x-)?pkcs7-mime$/.test(subtype)
  if (type === 'multipart' && ['signed', 'encrypted'].includes(subtype)) return true
  return parts?.some(isProtected) ?? false
}
