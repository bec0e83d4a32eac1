import { examineDatabase } from './examineDatabase.js';

/** @throws Error  which names all that this database lacks for us, each with its fix. What only makes it worse is for health to say. */
export async function refuseUnfit(url: string, connections: number): Promise<void> {
  const fatal = (await examineDatabase(url, connections)).filter((problem) => problem.fatal);
  if (fatal.length > 0)
    throw new Error(`the database can't be used. ${fatal.map(({ message, fix }) => `${message}: ${fix}`).join('. ')}`);
}
