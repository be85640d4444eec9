/** Folder paths as file names: `%XX` for what a file system may not take or would take for something else. */

/** One level of a path as one name, which no file system takes for another (`.`, `..`, device names excepted). */
export function encodeFileName(level: string): string {
  return level.replace(/[\p{Cc}<>:"/\\|?*%]|^\.|[. ]$/gu, (character) =>
    Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(
      '',
    ),
  )
}

export function decodeFileName(name: string): string {
  try {
    return decodeURIComponent(name.replace(/%(?![0-9A-Fa-f]{2})/g, '%25'))
  } catch {
    return name // bytes that are no UTF-8: somebody else's percent signs
  }
}
