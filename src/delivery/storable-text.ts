/** Text of a message as PostgreSQL can keep it: neither text nor JSON holds a NUL, and JSON no half of a surrogate pair. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed()
}
