-- AlterTable
ALTER TABLE "GoldenImage" ADD COLUMN     "problem" TEXT;
