/** Fields of an event's data, which another version of this program on another node may have written. */

/** The id of a folder, or the empty string. */
export function folderField(data: unknown, name: 'folder_id' | 'from_folder_id'): string {
  const value = fieldOf(data, name)
  return typeof value === 'string' ? value : ''
}

export function numberField(data: unknown, name: string): number | null {
  const value = fieldOf(data, name)
  return typeof value === 'number' ? value : null
}

export function fieldOf(data: unknown, name: string): unknown {
  return typeof data === 'object' && data !== null
    ? Object.getOwnPropertyDescriptor(data, name)?.value
    : undefined
}
